/** The error in the body of a response (distribution-spec, "Error Codes"). */
export interface ErrorAnswer {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

/** The error codes that mean denied access. Any other error code means that the failure has a different reason. */
const ACCESS_CODE = /UNAUTHORI[SZ]ED|DENIED|FORBIDDEN|SCOPE|PERMISSION|ACCESS|AUTH/i;

/** Words about rights and credentials in an error message. */
const ACCESS_WORDS =
  /access|allowed|authenticat|authori[sz]|credential|denied|forbidden|log ?in|password|permission|permitted|privilege|scope|token/i;

/**
 * Words for reasons that are unrelated to credentials, such as a quota. A 403 with one of these words does not count as
 * denied access, even if the message also contains one of {@link ACCESS_WORDS}.
 */
const OTHER_REASON =
  /already exists|archived|capacity|exceed|frozen|immutab|\blimit|\block(ed)?\b|maintenance|overwrit|payment|quarantin|quota|read[- ]?only|too (large|big|many)|vulnerab/i;

/**
 * Whether a response of a registry denies access. Every 401 denies access. A 403 also denies access, unless its code or
 * message gives another reason, such as a quota or an immutable tag.
 */
export function isAccessDenied(status: number, { code, message = "" }: ErrorAnswer): boolean {
  if (status === 401) return true;
  if (status !== 403 || OTHER_REASON.test(`${code ?? ""} ${message}`)) return false;
  if (code !== undefined) return ACCESS_CODE.test(code);
  return message === "" || ACCESS_WORDS.test(message);
}
