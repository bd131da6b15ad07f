/**
 * Takes secrets out of text before it is stored or shown: keys and tokens of common makers,
 * private key blocks, passwords in URLs and assignments, and the literal values it is given. It
 * knows forms, not meanings: what looks like nothing in particular passes. Every pattern runs in
 * linear time, since the text may be written by an adversary.
 */

/** Literal values shorter than this are too common to be taken out. */
const MIN_VALUE_CHARS = 6;
/** Lines of a literal value shorter than this are not looked for by themselves. */
const MIN_VALUE_LINE_CHARS = 16;
/** Text that a stream holds back at most: more than the longest private key. */
const HELD_CHARS = 16 * 1024;

const REPLACEMENT = "[redacted]";

/** Where a secret stands in a text. */
export type Span = { start: number; end: number };

/** Takes the secrets out of a text; `spans` says where they are. */
export type Redactor = ((text: string) => string) & { spans(text: string): Span[] };

/** Makes a redactor for the known forms and for `values`. */
export function createRedactor({ values }: { values: readonly string[] }): Redactor {
  const literals = literalsOf(values);
  const spans = (text: string) => findSpans(text, literals);
  return Object.assign((text: string) => hide(text, spans(text), text.length), { spans });
}

/** A redactor for text that comes in pieces. */
export type RedactingStream = {
  /** Takes the next piece and returns what can be shown so far. */
  push(text: string): string;
  /** Returns what was held back, taken as complete. */
  flush(): string;
  /** Drops what was held back, and returns it as it came, secrets included. */
  take(): string;
  /** Characters held back. */
  readonly held: number;
};

/**
 * Redacts line by line, because no known form but the private key spans lines: the unfinished
 * line is held back, a key block until its end. What is held back is bounded.
 */
export function createRedactingStream(redactor: Redactor): RedactingStream {
  let held = "";
  const take = () => {
    const text = held;
    held = "";
    return text;
  };
  return {
    push(text) {
      held += text;
      if (!/[\n\r]/.test(text) && held.length <= HELD_CHARS) return "";
      const spans = redactor.spans(held);
      const cut = safeCut(held, spans);
      const shown = hide(held, spans, cut);
      held = held.slice(cut);
      return shown;
    },
    flush: () => redactor(take()),
    take,
    get held() {
      return held.length;
    },
  };
}

/** The last place where no secret can straddle. */
function safeCut(text: string, spans: Span[]): number {
  let cut = Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r")) + 1;
  if (text.length - cut > HELD_CHARS) cut = wholeCharacters(text, text.length - HELD_CHARS / 2);
  // A secret that touches the end of what is known may go on.
  const open = spans.find((span) =>
    span.start < cut && (span.end > cut || span.end === text.length)
  );
  if (open === undefined) return cut;
  return text.length - open.start <= HELD_CHARS ? open.start : open.end;
}

/** Moves a cut off the middle of a surrogate pair. */
function wholeCharacters(text: string, cut: number): number {
  const before = text.charCodeAt(cut - 1);
  return before >= 0xd800 && before <= 0xdbff ? cut - 1 : cut;
}

function hide(text: string, spans: Span[], until: number): string {
  let shown = "";
  let at = 0;
  for (const { start, end } of spans) {
    if (start >= until) break;
    shown += text.slice(at, start) + REPLACEMENT;
    at = end;
  }
  return shown + text.slice(at, until);
}

/** One form of secret. What the first group matches is kept; the rest of the match is hidden. */
type Form = { pattern: RegExp; unless?: (secret: string, next: string) => boolean };

/**
 * A token may start only where no other can be under way (the lookbehinds), and quantifiers that
 * can fail late are bounded: so no character is looked at more than a fixed number of times.
 */
const FORMS: readonly Form[] = [
  // OpenAI, Anthropic and those that took over their prefix. A digit tells it from a css class.
  { pattern: /(?<![\w-])sk-(?=[A-Za-z_-]*\d)[\w-]{16,}/g },
  { pattern: /(?<!\w)[sr]k_(?:live|test)_\w{16,}/g },
  { pattern: /(?<!\w)(?:gh[oprsu]_\w{20,}|github_pat_\w{20,})/g },
  { pattern: /(?<![\w-])gl(?:pat|dt|rt|ptt|cbt)-[\w-]{16,}/g },
  { pattern: /(?<!\w)(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}/g },
  { pattern: /(hooks\.slack\.com\/services\/)[\w/]{16,}/g },
  { pattern: /(?<!\w)(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)/g },
  { pattern: /(?<![\w-])AIza[\w-]{30,}/g },
  { pattern: /(?<!\w)(?:npm|hf)_\w{30,}/g },
  // JSON Web Tokens: header and claims in base64url, the signature may be missing.
  { pattern: /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g },
  { pattern: /(\bbearer[ \t]{1,4})(?=[A-Za-z._~+/=-]{0,200}\d)[\w.~+/=-]{12,}/gi },
  {
    pattern: /(\bauthorization["']?[ \t]{0,4}[:=][ \t]{0,4}["']?(?:[a-z]{3,12} )?)[^\s"',;]{8,}/gi,
  },
  // Passwords and bare tokens in URLs.
  { pattern: /(:\/\/[^\s/:@"'<>]{0,128}:)[^\s/@"'<>]{1,256}(?=@)/g },
  { pattern: /(:\/\/)[\w.~%-]{20,256}(?=@)/g },
  {
    pattern:
      /((?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private|secret|signing|encryption)[_-]?key)\\?["'`]?[ \t]{0,4}(?:=>|:=|[:=])[ \t]{0,4}\\?["'`]?)[^\s"'`,;&<>(){}[\]\\]{4,}/gi,
    unless: isCode,
  },
  {
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----(?:(?:\s|\\[nr]){0,4}[A-Za-z-]{1,32}: [^\r\n\\]{0,128}){0,4}(?:(?:[A-Za-z0-9+/=\s]|\\[nr]){16,}|(?:[A-Za-z0-9+/=\s]|\\[nr])*$)(?:-{1,5}$|-----END[A-Z0-9 ]{0,48}(?:-{0,5}$|-----))?/g,
  },
];

/** Whether what follows `token:` is a type, a variable or a call rather than a value. */
function isCode(secret: string, next: string): boolean {
  return next === "(" ||
    /^(?:string|number|boolean|null|undefined|unknown|true|false|none|required|optional)\b/i
      .test(secret) ||
    /^\$\w+$|^(?:process\.env|Deno\.env|import\.meta|os\.environ|env)\b/.test(secret);
}

/** Sorted, without overlaps. */
function findSpans(text: string, literals: readonly string[]): Span[] {
  const found: Span[] = [];
  for (const { pattern, unless } of FORMS) {
    for (const match of text.matchAll(pattern)) {
      const start = match.index + (match[1]?.length ?? 0);
      const end = match.index + match[0].length;
      if (unless?.(text.slice(start, end), text.charAt(end))) continue;
      found.push({ start, end });
    }
  }
  for (const literal of literals) {
    for (let at = text.indexOf(literal); at >= 0; at = text.indexOf(literal, at + literal.length)) {
      found.push({ start: at, end: at + literal.length });
    }
  }
  return found.length > 1 ? merge(found) : found;
}

function merge(spans: Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of spans.sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last !== undefined && span.start < last.end) last.end = Math.max(last.end, span.end);
    else merged.push(span);
  }
  return merged;
}

/** A value of several lines counts line by line too, since a stream sees it so. */
function literalsOf(values: readonly string[]): string[] {
  const literals = new Set<string>();
  for (const value of values) {
    if (value.length >= MIN_VALUE_CHARS) literals.add(value);
    const lines = value.split(/[\r\n]+/).map((line) => line.trim());
    if (lines.length < 2) continue;
    for (const line of lines) if (line.length >= MIN_VALUE_LINE_CHARS) literals.add(line);
  }
  return [...literals].sort((a, b) => b.length - a.length);
}
