// Numbers, sizes and times in the reader's language.
import { languageTag, text } from "./texts.js";

const UNITS = ["B", "kB", "MB", "GB"];

export const whole = (n) => new Intl.NumberFormat(languageTag()).format(n);

export function day(value, withTime = false) {
  const at = new Date(value);
  if (Number.isNaN(at.getTime())) return String(value);
  const style = withTime ? { dateStyle: "medium", timeStyle: "short" } : { dateStyle: "medium" };
  return new Intl.DateTimeFormat(languageTag(), style).format(at);
}

export function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  const place = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  const shown = bytes / 1000 ** place;
  const digits = { maximumFractionDigits: place && shown < 10 ? 1 : 0 };
  return `${new Intl.NumberFormat(languageTag(), digits).format(shown)} ${UNITS[place]}`;
}

// A duration that is waited for: coarse, because it is a guess.
export function remaining(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 8) return text("left_moments");
  if (seconds < 55) return text("left_seconds", Math.ceil(seconds / 5) * 5);
  return text("left_minutes", Math.ceil(seconds / 60));
}

export function clock(seconds) {
  const rest = String(Math.max(0, seconds) % 60).padStart(2, "0");
  return `${Math.floor(Math.max(0, seconds) / 60)}:${rest}`;
}

// The total of the server's timings, and of a model's answer where there is one.
export function took({ total, answer }) {
  if (typeof total !== "number") return "";
  const milliseconds = total + (typeof answer === "number" ? answer : 0);
  const seconds = milliseconds >= 1000;
  const shown = seconds ? milliseconds / 1000 : Math.max(1, milliseconds);
  const style = { style: "unit", unit: seconds ? "second" : "millisecond", maximumFractionDigits: seconds ? 1 : 0 };
  return new Intl.NumberFormat(languageTag(), style).format(shown);
}

// A share as whole per cent, never more than it is.
export const percent = (share) => Math.floor(share * 100 + 1e-6);
