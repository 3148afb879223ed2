module clients

go 1.25.0
