/// Checks that Expecto has not, and tests of many rows.
module MetaKan.Tests.Check

open Expecto

/// That a value is between two others, both included. What is no number is nowhere.
let inRange (low: 'a) (high: 'a) (value: 'a) (what: string) =
    if not (low <= value && value <= high) then
        failtest $"{what}: {value} is not between {low} and {high}"

/// That a number is the expected one, to `tolerance`.
let inline near tolerance actual expected (what: string) =
    if not (abs (actual - expected) <= tolerance) then
        failtest $"{what}: {actual} is not {expected} to {tolerance}"

/// That a text is without a part.
let lacks (text: string) (part: string) (what: string) =
    if text.Contains part then
        failtest $"{what}: '{part}' is in '{text}'"

/// What stands for a test that takes many seconds, in its full name: only `./test --all` runs it.
let slowly = "only with --all"

/// A test that takes many seconds, which another and smaller one makes up for between full runs.
let slow (test: Test) : Test = testList slowly [ test ]

/// A test for each row, named after it on one line.
let theory (name: string) (rows: 'row list) (test: 'row -> unit) : Test =
    let shown (row: 'row) =
        match box row with
        | :? string as text -> $"\"{text}\""
        | other -> string other

    testList
        name
        [
            for row in rows -> testCase ((shown row).Replace("\r", @"\r").Replace("\n", @"\n")) (fun () -> test row)
        ]
