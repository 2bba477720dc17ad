// Numbers and times as people read them.
const DAY_S = 86_400;
/** Between a number and its unit: a line is not broken there. */
const GAP = "\u00a0";
const two = (n) => String(n).padStart(2, "0");

let calendar = null;

/** From now on times are told by the calendar of a system: `{ period, period_s, begins, zone }`, or null. */
export function tellBy(given) {
  if (given?.begins === calendar?.begins && given?.zone === calendar?.zone && given?.period === calendar?.period) return;
  calendar = given && {
    ...given,
    midnight: Date.parse(`${given.begins}T00:00:00Z`),
    format: new Intl.DateTimeFormat("en-GB", { timeZone: given.zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
  };
}

/** Weekday, day, month and time of day at a scenario time, where people are. */
function dateAt(seconds) {
  const parts = calendar.format.formatToParts(calendar.midnight + 1000 * seconds),
    of = (type) => parts.find((part) => part.type === type).value;
  return { day: `${of("weekday")} ${of("day")} ${of("month")}`, time: `${of("hour")}:${of("minute")}` };
}

/** Which period a time lies in, from 1. */
const periodAt = (seconds) => Math.floor(seconds / calendar.period_s + 1e-9) + 1;

/** Scenario time: `06:30`, above an hour `1:06:30`, above a day `day 2, 01:06`; by a calendar `period 12, Fri 16 Oct 03:10`. */
export function clock(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(Number(seconds))) return "–";
  if (calendar && seconds >= 0) {
    const { day, time } = dateAt(seconds);
    return `${calendar.period} ${periodAt(seconds)}, ${day} ${time}`;
  }
  const sign = seconds < 0 ? "−" : "";
  const whole = Math.floor(Math.abs(seconds) + 1e-6);
  const s = whole % 60,
    m = Math.floor(whole / 60) % 60,
    hours = Math.floor(whole / 3600);
  if (whole >= DAY_S) return `${sign}day ${Math.floor(whole / DAY_S) + 1}, ${two(hours % 24)}:${two(m)}`;
  return sign + (hours ? `${hours}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`);
}

/** A time at which something ends, or by which an interval was known: by a calendar where a period ends it is that one's end. */
export function clockEnd(seconds) {
  if (!calendar || !(seconds > 0) || !Number.isFinite(Number(seconds))) return clock(seconds);
  const last = Math.ceil(seconds / calendar.period_s - 1e-9);
  if (periodAt(seconds) === last) return clock(seconds);
  const { day, time } = dateAt(seconds);
  return `end of ${calendar.period} ${last}, ${day} ${time}`;
}

/** A time up to which something is known, or at which it ends: where a period ends it is that one's end, and no beginning. */
export function endClock(seconds) {
  const label = clock(seconds);
  if (!calendar || !(seconds > 0) || !calendarTime(seconds).isBegin) return label;
  return `end of ${calendar.period} ${periodAt(seconds) - 1}, ${label.split(", ").slice(1).join(", ")}`;
}

/** A time by the calendar in parts: which period it lies in, whether that only begins then, and the date. */
export function calendarTime(seconds) {
  const { day, time } = dateAt(seconds),
    number = periodAt(seconds),
    isBegin = Math.abs(seconds - (number - 1) * calendar.period_s) < 1;
  return { number, isBegin, date: isBegin ? day : `${day} ${time}` };
}

/** Scenario time on an axis that is so long: above a day, days and hours. */
export function tick(seconds, span_s) {
  if (calendar && span_s >= 2 * calendar.period_s) return dateAt(seconds).day.split(" ").slice(1).join(" ");
  if (span_s < DAY_S) return clock(seconds);
  const hours = Math.floor((seconds % DAY_S) / 3600),
    minutes = Math.floor((seconds % 3600) / 60);
  return hours || minutes ? `${two(hours)}:${two(minutes)}` : `day ${Math.floor(seconds / DAY_S) + 1}`;
}

/**
 * Seconds that a text names where there is no calendar: `05:12`, `1:05:12`, `day 2, 01:06`, `312`, `312s`, `5.2m`, `2h`, `3d`;
 * undefined where it names none. `5.5` without a unit is none: whoever writes it may mean minutes or seconds.
 */
export function parsedTime(text) {
  const [, day, rest] = /^(?:day (\d+),? )?(.*)$/i.exec(text);
  if (day) return Number(day) >= 1 && /^\d{1,2}:[0-5]\d$/.test(rest) ? String((day - 1) * DAY_S + 60 * parsedTime(rest)) : undefined;
  if (/^\d+(:[0-5]\d){1,2}(\.\d+)?$/.test(rest)) return String(rest.split(":").reduce((sum, part) => sum * 60 + Number(part), 0));
  const found = /^(\d+)(\.\d+)?\s*(s|m|min|h|d)?$/.exec(rest);
  if (!found || (found[2] && !found[3])) return undefined;
  return String(Number(found[1] + (found[2] || "")) * { s: 1, m: 60, min: 60, h: 3600, d: DAY_S }[found[3] || "s"]);
}

/** A moment with parts of a second, as lines of logs have it: `04:18.676`; by a calendar `Fri 16 Oct 03:10`. */
export const moment = (seconds) => (calendar ? `${dateAt(seconds).day} ${dateAt(seconds).time}` : `${clock(seconds)}.${String(Math.floor((seconds % 1) * 1000)).padStart(3, "0")}`);

/** Units of lengths of time: what they are called, and how many seconds each has; each from the third number on. */
const LENGTHS = [
  ["µs", 1e-6, 0],
  ["ms", 1e-3, 1e-3],
  ["s", 1, 1],
  ["min", 60, 120],
  ["h", 3600, 7200],
  ["days", DAY_S, 172_800],
];
const lengthUnit = (size) => LENGTHS.findLast(([, , least]) => size >= least);

/** A length of time: `850 ms`, `42 s`, `3.5 min`, `2 h`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds === 0) return `0${GAP}s`;
  const [unit, size] = lengthUnit(Math.abs(seconds));
  return `${digits(seconds / size)}${GAP}${unit}`;
}

/** What is nearer to nothing is what computing with floats leaves over. */
const ROUNDED_OFF = 1e-12;

/** A number with about three significant digits. */
export function digits(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size < ROUNDED_OFF) return "0";
  if (size >= 1e9 || size < 1e-4) return value.toExponential(2).replace("e+", "e").replace("-", "−");
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(size)));
  const text = value.toLocaleString("en-GB", { maximumFractionDigits: Math.min(decimals, 6) });
  return text.replace("-", "−");
}

/** A value with its unit, as the catalogue of signals names units. */
export function quantity(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (unit === "s") return duration(value);
  if (unit === "ratio") return `${digits(value * 100)}${GAP}%`;
  return unit && unit !== "1" ? `${digits(value)}${GAP}${unit}` : digits(value);
}

/** The values of an axis: all in one unit. */
export function quantities(values, unit) {
  if (unit !== "s") return values.map((value) => quantity(value, unit));
  const [name, size] = lengthUnit(Math.max(0, ...values.map(Math.abs)));
  return values.map((value) => `${digits(value / size)}${GAP}${name}`);
}

/** What the ticks of an axis of lengths of time are apart: parts of a minute, an hour or a day that are easily read. */
const APART = [0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200];
const DECIMAL = [-7, -6, -5, -4, -3, -2, -1, 0, 1].flatMap((power) => [1, 2, 2.5, 5].map((of) => Number(`${of}e${power}`)));
export const incrementsOf = (unit) =>
  unit === "s" && {
    incrs(_chart, _axis, low, high) {
      const [, size] = lengthUnit(Math.max(Math.abs(low), Math.abs(high)));
      return size < 60 ? DECIMAL : APART.map((part) => part * size);
    },
  };

export const mean = (values) => {
  const there = values.filter((v) => v !== null && v !== undefined && Number.isFinite(v));
  return there.length ? there.reduce((a, b) => a + b, 0) / there.length : null;
};

/** To four digits, as somebody would write it down. */
export const rounded = (value) => (value === null ? null : Number(value.toPrecision(4)));
