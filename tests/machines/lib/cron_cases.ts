/**
 * When patterns are due around changes of the clocks, worked out by hand from the zones' rules:
 *
 * | zone                | forward                            | back                                 |
 * | ------------------- | ---------------------------------- | ------------------------------------ |
 * | Europe/Berlin       | 2026-03-29 02:00 → 03:00           | 2026-10-25 03:00 → 02:00             |
 * | America/New_York    | 2026-03-08 02:00 → 03:00           | 2026-11-01 02:00 → 01:00             |
 * | Australia/Lord_Howe | 2026-10-04 02:00 → 02:30           | 2026-04-05, 2027-04-04 02:00 → 01:30 |
 * | America/Santiago    | 2026-09-06 00:00 → 01:00           | 2026-04-05 00:00 → the 4th, 23:00    |
 * | Africa/Cairo        | 2026-04-24 00:00 → 01:00           | 2026-10-30 00:00 → the 29th, 23:00   |
 */

export type CronCase = {
  what: string;
  cron: string;
  timezone: string;
  /** Slots are asked for strictly after this. */
  after: string;
  /** The next ones, each with what the zone's clock shows and its offset from UTC. */
  slots: readonly string[];
};

/** A change of the clocks and patterns of fixed times. */
export const FIXED_TIME_CASES: readonly CronCase[] = [
  {
    what: "a time that Berlin skips comes as long after the change",
    cron: "30 2 * * *",
    timezone: "Europe/Berlin",
    after: "2026-03-27T12:00:00Z",
    slots: ["2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"],
  },
  {
    what: "the first skipped moment is the first one after",
    cron: "0 2 * * *",
    timezone: "Europe/Berlin",
    after: "2026-03-28T02:00:00+01:00",
    slots: ["2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"],
  },
  {
    what: "times around a skipped hour stay",
    cron: "59 1,3 * * *",
    timezone: "Europe/Berlin",
    after: "2026-03-29T00:00:00+01:00",
    slots: ["2026-03-29T01:59:00+01:00", "2026-03-29T03:59:00+02:00", "2026-03-30T01:59:00+02:00"],
  },
  {
    what: "several times of a skipped hour keep their distance",
    cron: "*/20 2 * * *",
    timezone: "Europe/Berlin",
    after: "2026-03-28T12:00:00Z",
    slots: [
      "2026-03-29T03:00:00+02:00",
      "2026-03-29T03:20:00+02:00",
      "2026-03-29T03:40:00+02:00",
      "2026-03-30T02:00:00+02:00",
    ],
  },
  {
    what: "skipped times and shown ones come in order, and once where they meet",
    cron: "15,45 1-3 * * *",
    timezone: "Europe/Berlin",
    after: "2026-03-29T00:00:00+01:00",
    slots: [
      "2026-03-29T01:15:00+01:00",
      "2026-03-29T01:45:00+01:00",
      "2026-03-29T03:15:00+02:00",
      "2026-03-29T03:45:00+02:00",
      "2026-03-30T01:15:00+02:00",
    ],
  },
  {
    what: "even hours come twelve times on the short day",
    cron: "0 */2 * * *",
    timezone: "Europe/Berlin",
    after: "2026-03-28T22:30:00+01:00",
    slots: [
      "2026-03-29T00:00:00+01:00",
      "2026-03-29T03:00:00+02:00",
      "2026-03-29T04:00:00+02:00",
      "2026-03-29T06:00:00+02:00",
    ],
  },
  {
    what: "a time that Berlin repeats comes the first time",
    cron: "30 2 * * *",
    timezone: "Europe/Berlin",
    after: "2026-10-24T12:00:00Z",
    slots: ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
  },
  {
    what: "asked between the two, it is the next day's",
    cron: "30 2 * * *",
    timezone: "Europe/Berlin",
    after: "2026-10-25T02:10:00+01:00",
    slots: ["2026-10-26T02:30:00+01:00"],
  },
  {
    what: "even hours come twelve times on the long day",
    cron: "0 */2 * * *",
    timezone: "Europe/Berlin",
    after: "2026-10-24T23:00:00+02:00",
    slots: [
      "2026-10-25T00:00:00+02:00",
      "2026-10-25T02:00:00+02:00",
      "2026-10-25T04:00:00+01:00",
    ],
  },
  {
    what: "the end of the repeated hour is no repetition",
    cron: "0 3 * * *",
    timezone: "Europe/Berlin",
    after: "2026-10-24T12:00:00Z",
    slots: ["2026-10-25T03:00:00+01:00", "2026-10-26T03:00:00+01:00"],
  },
  {
    what: "a time that New York skips",
    cron: "15 2 * * *",
    timezone: "America/New_York",
    after: "2026-03-07T12:00:00Z",
    slots: ["2026-03-08T03:15:00-04:00", "2026-03-09T02:15:00-04:00"],
  },
  {
    what: "a time that New York repeats",
    cron: "15 1 * * *",
    timezone: "America/New_York",
    after: "2026-10-31T12:00:00Z",
    slots: ["2026-11-01T01:15:00-04:00", "2026-11-02T01:15:00-05:00"],
  },
  {
    what: "a time in the half hour that Lord Howe skips",
    cron: "15 2 * * *",
    timezone: "Australia/Lord_Howe",
    after: "2026-10-03T00:00:00Z",
    slots: ["2026-10-04T02:45:00+11:00", "2026-10-05T02:15:00+11:00"],
  },
  {
    what: "a time in the half hour that Lord Howe repeats",
    cron: "45 1 * * *",
    timezone: "Australia/Lord_Howe",
    after: "2027-04-03T00:00:00Z",
    slots: ["2027-04-04T01:45:00+11:00", "2027-04-05T01:45:00+10:30"],
  },
  {
    what: "a midnight that Santiago skips",
    cron: "@daily",
    timezone: "America/Santiago",
    after: "2026-09-04T12:00:00Z",
    slots: ["2026-09-05T00:00:00-04:00", "2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"],
  },
  {
    what: "the hour before midnight that Santiago repeats, and the midnight that it does not",
    cron: "0 0,23 * * *",
    timezone: "America/Santiago",
    after: "2026-04-04T12:00:00Z",
    slots: ["2026-04-04T23:00:00-03:00", "2026-04-05T00:00:00-04:00", "2026-04-05T23:00:00-04:00"],
  },
  {
    what: "a week that begins with a midnight which Santiago skips",
    cron: "@weekly",
    timezone: "America/Santiago",
    after: "2026-08-31T12:00:00Z",
    slots: ["2026-09-06T01:00:00-03:00", "2026-09-13T00:00:00-03:00"],
  },
  {
    what: "a skipped midnight counts as its own day",
    cron: "30 0 24 4 *",
    timezone: "Africa/Cairo",
    after: "2026-01-01T00:00:00Z",
    slots: ["2026-04-24T01:30:00+03:00", "2027-04-24T00:30:00+02:00"],
  },
  {
    what: "the hour before midnight that Cairo repeats",
    cron: "30 23 * * *",
    timezone: "Africa/Cairo",
    after: "2026-10-29T00:00:00Z",
    slots: ["2026-10-29T23:30:00+03:00", "2026-10-30T23:30:00+02:00"],
  },
];

/** A change of the clocks and patterns of every hour. */
export const EVERY_HOUR_CASES: readonly CronCase[] = [
  {
    what: "half hours go on evenly where Berlin skips an hour",
    cron: "*/30 * * * *",
    timezone: "Europe/Berlin",
    after: "2026-03-29T01:00:00+01:00",
    slots: ["2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"],
  },
  {
    what: "half hours go on evenly where Berlin repeats one",
    cron: "*/30 * * * *",
    timezone: "Europe/Berlin",
    after: "2026-10-25T02:00:00+02:00",
    slots: [
      "2026-10-25T02:30:00+02:00",
      "2026-10-25T02:00:00+01:00",
      "2026-10-25T02:30:00+01:00",
      "2026-10-25T03:00:00+01:00",
    ],
  },
  {
    what: "hours go on evenly where New York repeats one",
    cron: "@hourly",
    timezone: "America/New_York",
    after: "2026-11-01T00:00:00-04:00",
    slots: ["2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T02:00:00-05:00"],
  },
  {
    what: "all hours by number are every hour",
    cron: "5 0-23 * * *",
    timezone: "America/New_York",
    after: "2026-03-08T00:30:00-05:00",
    slots: ["2026-03-08T01:05:00-05:00", "2026-03-08T03:05:00-04:00"],
  },
  {
    what: "half hours go on evenly where Lord Howe skips one",
    cron: "*/30 * * * *",
    timezone: "Australia/Lord_Howe",
    after: "2026-10-04T01:00:00+10:30",
    slots: ["2026-10-04T01:30:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"],
  },
  {
    what: "half hours go on evenly where Lord Howe repeats one",
    cron: "*/30 * * * *",
    timezone: "Australia/Lord_Howe",
    after: "2026-04-05T01:00:00+11:00",
    slots: ["2026-04-05T01:30:00+11:00", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30"],
  },
  {
    what: "a minute that Lord Howe's clock does not show is no time of an hourly pattern",
    cron: "15 * * * *",
    timezone: "Australia/Lord_Howe",
    after: "2026-10-04T01:00:00+10:30",
    slots: ["2026-10-04T01:15:00+10:30", "2026-10-04T03:15:00+11:00"],
  },
  {
    what: "a skipped midnight belongs to no hour",
    cron: "30 * 5 9 *",
    timezone: "America/Santiago",
    after: "2026-09-05T22:00:00-04:00",
    slots: ["2026-09-05T22:30:00-04:00", "2026-09-05T23:30:00-04:00", "2027-09-05T01:30:00-03:00"],
  },
  {
    what: "the day whose last hour Cairo repeats",
    cron: "0 * 29 10 *",
    timezone: "Africa/Cairo",
    after: "2026-10-29T22:00:00+03:00",
    slots: ["2026-10-29T23:00:00+03:00", "2026-10-29T23:00:00+02:00", "2027-10-29T00:00:00+02:00"],
  },
];
