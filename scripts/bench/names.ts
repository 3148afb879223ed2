/** The names of the measured works and figures that the report describes in sentences. */

export const FIRST_BYTE = "from the done marker to the first byte sent";
export const SMALL_FILE = "one small file, from the done marker to the tag";
export const TAG = "from the application's end to the tag";
export const SIDECAR_WAITS = "sidecar waits";

export const SECONDS = "seconds";
export const OPERATOR_SECONDS = "seconds with the ORAS Operator scripts";
export const MEMORY = "MiB of memory";
