/**
 * The bytes that follow the first two bytes of an ICU data package: magic bytes, the size of the information, the byte
 * order, the size of a character, and the format `CmnD` (ICU, "udata.h" and "ucmndata.h").
 */
const SIGNATURE = Buffer.from([0xda, 0x27, 20, 0, 0, 0, 0, 0, 2, 0, ...Buffer.from("CmnD")]);

/** The data of an item begins at a multiple of this number of bytes. */
const ALIGNMENT = 16;

/**
 * The size of an entry in the table of contents, in bytes. An entry contains the offset of a name and the offset of the
 * data.
 */
const ENTRY = 8;

/** The locales to keep. ICU uses English for all other locales. With `LANG=C`, the locale is `en_US_POSIX`. */
const LOCALES = ["root", "en", "en_US", "en_US_POSIX"];

/** The items to keep that do not belong to a locale. In a name, `/` separates the folder from the rest. */
const COMMON = [
  ...["pool", "res_index", "supplementalData", "currencyNumericCodes", "dayPeriods", "genderList"],
  ...["grammaticalFeatures", "icustd", "icuver", "keyTypeData", "langInfo", "metaZones", "metadata"],
  ...["numberingSystems", "pluralRanges", "plurals", "timezoneTypes", "units", "windowsZones", "zoneinfo64"],
  ...["brkitr/res_index", "coll/res_index", "rbnf/res_index", "curr/supplementalData"],
  ...["curr", "lang", "region", "unit", "zone"].flatMap((folder) => [`${folder}/pool`, `${folder}/res_index`]),
]
  .map((name) => `${name}.res`)
  .concat(["nfkc.nrm", "nfkc_cf.nrm", "nfkc_scf.nrm", "uts46.nrm", "cnvalias.icu", "uemoji.icu", "ulayout.icu"])
  .concat(["coll/ucadata.icu"])
  .concat(["char", "line", "sent", "title", "word", "word_POSIX"].map((name) => `brkitr/${name}.brk`));

/** The folders with data for locales. The empty name is the main folder. */
const LOCALE_FOLDERS = ["", "brkitr/", "coll/", "curr/", "lang/", "rbnf/", "region/", "unit/", "zone/"];

/** An item of a package. */
interface Item {
  /** The name in the package, such as `icudt78l/zone/en.res`. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** An ICU data package inside a program. */
interface IcuPackage {
  /** The offset of the package in the program. */
  readonly start: number;
  /** The offset of the last item in the program. */
  readonly end: number;
  readonly header: Buffer;
  /** All items except the last item, because the package does not contain the size of the last item. Sorted by name. */
  readonly items: readonly Item[];
}

/** The number of items and the number of bytes in a package, before and after a reduction. */
export interface Reduction {
  readonly before: { readonly items: number; readonly bytes: number };
  readonly after: { readonly items: number; readonly bytes: number };
}

/**
 * Removes unneeded ICU data from a Node binary, in place. The only locale that the tools need is English. They need no
 * converters of character sets, no dictionaries, no transliterations, and no names of characters. Overwrites the old
 * package with the smaller package, and fills the rest with zeros, because the size of the binary must not change. The
 * result depends only on the binary. Throws if the binary does not have exactly one package, or if an item that the
 * tools need is missing.
 */
export function reduceIcuData(binary: Buffer): Reduction {
  const { start, end, header, items } = findPackage(binary);
  const kept = items.filter(({ name }) => isKept(nameInPackage(name)));
  const names = new Set(kept.map(({ name }) => nameInPackage(name)));
  const missing = [...COMMON, ...LOCALE_FOLDERS.map((folder) => `${folder}root.res`)].filter(
    (name) => !names.has(name),
  );
  if (missing.length > 0) throw new Error(`the ICU data of Node lacks ${missing.join(", ")}`);
  const reduced = encodePackage(header, kept);
  binary.fill(0, start, end);
  reduced.copy(binary, start);
  return {
    before: { items: items.length + 1, bytes: end - start },
    after: { items: kept.length, bytes: reduced.length },
  };
}

function isKept(name: string): boolean {
  return (
    COMMON.includes(name) ||
    LOCALE_FOLDERS.some((folder) => LOCALES.some((locale) => name === `${folder}${locale}.res`))
  );
}

/** Removes the package's name from the name of an item. The package's name depends on the version of ICU. */
function nameInPackage(name: string): string {
  return name.slice(name.indexOf("/") + 1);
}

function findPackage(binary: Buffer): IcuPackage {
  const found = binary.indexOf(SIGNATURE);
  if (found < 2) throw new Error("expected a package of ICU data in the Node binary, found none");
  if (binary.includes(SIGNATURE, found + 1))
    throw new Error("expected one package of ICU data in the Node binary, found several");
  const start = found - 2;
  const table = start + binary.readUInt16LE(start);
  const count = binary.readUInt32LE(table);
  const offset = (index: number, field: number) => table + binary.readUInt32LE(table + 4 + index * ENTRY + field);
  const items = Array.from({ length: count - 1 }, (_, index) => {
    const name = offset(index, 0);
    return {
      name: binary.toString("latin1", name, binary.indexOf(0, name)),
      bytes: Buffer.from(binary.subarray(offset(index, 4), offset(index + 1, 4))),
    };
  });
  return { start, end: offset(count - 1, 4), header: Buffer.from(binary.subarray(start, table)), items };
}

function encodePackage(header: Buffer, items: readonly Item[]): Buffer {
  const names = items.map(({ name }) => Buffer.from(`${name}\0`, "latin1"));
  const table = Buffer.alloc(4 + items.length * ENTRY);
  table.writeUInt32LE(items.length);
  const parts: Buffer[] = [table, ...names];
  let size = parts.reduce((sum, { length }) => sum + length, 0);
  const add = (bytes: Buffer) => {
    const gap = -(header.length + size) & (ALIGNMENT - 1);
    parts.push(Buffer.alloc(gap), bytes);
    size += gap + bytes.length;
    return size - bytes.length;
  };
  let name = table.length;
  for (const [index, { bytes }] of items.entries()) {
    table.writeUInt32LE(name, 4 + index * ENTRY);
    table.writeUInt32LE(add(bytes), 8 + index * ENTRY);
    name += (names[index] as Buffer).length;
  }
  return Buffer.concat([header, ...parts]);
}
