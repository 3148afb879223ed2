// Prints what depends on ICU's data, as JSON. Node runs this file with its complete data, and with the data of the tools.
const time = Date.UTC(2024, 6, 1, 12);
const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Etc/GMT+12"];
const texts = ["\u0041\u030a\ufb01\u00c5", "\u1e9b\u0323", "\uac00\u1100", "\u2460\uff21"];
const letters = ["a", "\u00e9", "\u03a9", "\u4e2d", "\u0661", "\u2028", "\ud83d\ude00", "_", "\u0301"];
const patterns = [
  /\p{L}/u,
  /\p{Lu}/u,
  /\p{N}/u,
  /\p{M}/u,
  /\p{Script=Greek}/u,
  /\p{Emoji}/u,
  /^\p{RGI_Emoji}$/v,
  /\w/iu,
];
const hosts = [
  "b\u00fccher.example",
  "\u4f8b\u3048.\u30c6\u30b9\u30c8",
  "fa\u00df.de",
  "xn--bcher-kva.de",
  "\u0645\u062b\u0627\u0644.com",
];
const words = ["b", "a", "B", "\u00e4", "Z", "z", "10", "9", "_", "-", "\u00c9", "e"];
const text = "Hello, world! A cafe\u0301 isn't 3.5 km away. Go.";
const segments = (granularity) =>
  [...new Intl.Segmenter("en", { granularity }).segment(text)].map(({ segment }) => segment);
const dateStyles = (zone) =>
  ["full", "long", "medium", "short"].map((style) =>
    new Intl.DateTimeFormat("en", { dateStyle: style, timeStyle: style, timeZone: zone }).format(time),
  );
const result = {
  // In the locale of the process.
  local: {
    locale: Intl.DateTimeFormat().resolvedOptions().locale,
    dates: [new Date(time).toString(), new Date(time).toLocaleString()],
    number: (1234567.891).toLocaleString(),
    sorted: words.toSorted((a, b) => a.localeCompare(b)),
  },
  date: new Date(time).toLocaleDateString("en-US"),
  zones: zones.map(dateStyles),
  ranges: new Intl.DateTimeFormat("en", { month: "long", day: "numeric" }).formatRange(0, time),
  number: (0.256).toLocaleString("en", { style: "percent" }),
  units: [
    new Intl.NumberFormat("en", { style: "unit", unit: "megabyte" }).format(5),
    new Intl.NumberFormat("en", { notation: "compact" }).format(12345),
    new Intl.NumberFormat("en", { style: "currency", currency: "EUR" }).format(12.5),
  ],
  plurals: [0, 1, 2].map((count) => new Intl.PluralRules("en", { type: "ordinal" }).select(count)),
  relative: new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(-1, "day"),
  list: new Intl.ListFormat("en").format(["a", "b", "c"]),
  names: [
    new Intl.DisplayNames("en", { type: "region" }).of("DE"),
    new Intl.DisplayNames("en", { type: "language" }).of("fr"),
  ],
  normal: texts.flatMap((value) => ["NFC", "NFD", "NFKC", "NFKD"].map((form) => value.normalize(form))),
  matches: patterns.map((pattern) => letters.map((letter) => pattern.test(letter))),
  cases: ["\u00df", "\u0130", "\u03a3\u03a3", "\ufb03"].flatMap((value) => [value.toUpperCase(), value.toLowerCase()]),
  turkish: ["i".toLocaleUpperCase("tr"), "I".toLocaleLowerCase("tr")],
  sorted: words.toSorted(new Intl.Collator("en", { numeric: true }).compare),
  segments: ["grapheme", "word", "sentence"].map(segments),
  hosts: hosts.map((host) => new URL(`http://${host}/`).host),
  decoded: ["utf-8", "utf-16le", "latin1"].map((name) => new TextDecoder(name).decode(new Uint8Array([72, 0, 105, 0]))),
};
console.log(JSON.stringify(result));
