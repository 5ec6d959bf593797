package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// kind is the type of a column, as far as expressions care.
type kind int

const (
	integer kind = iota
	long
	decimal
	text
	boolean
	moment
)

// column is something that can be selected: a column of a table or of a query.
type column struct {
	name string
	kind kind
}

// table is a file with its definition.
type table struct {
	name       string
	definition string // with ${DIR}
	file       string
	lines      []string
	columns    []column
}

// random makes choices.
type random struct{ *rand.Rand }

func pick[T any](r random, from ...T) T { return from[r.IntN(len(from))] }

// chance is true once in n times.
func (r random) chance(n int) bool { return r.IntN(n) == 0 }

// some gives a few of the choices, at least one, each at most once, in order.
func some[T any](r random, most int, from ...T) []T {
	n := 1 + r.IntN(min(most, len(from)))
	chosen := make(map[int]bool, n)
	for _, i := range r.Perm(len(from))[:n] {
		chosen[i] = true
	}
	var out []T
	for i, f := range from {
		if chosen[i] {
			out = append(out, f)
		}
	}
	return out
}

// null gives JSON's null once in a while.
func (r random) null(value string) string {
	if r.chance(6) {
		return "null"
	}
	return value
}

func (r random) word() string { return fmt.Sprintf("%q", pick(r, "a", "b", "b", "c", "Ab", "", "é")) }

// momentForm is how the formats write event times.
const momentForm = "2006-01-02 15:04:05.000"

// beginning is the event time of the first row.
var beginning = time.Date(2024, 3, 1, 9, 0, 0, 0, time.UTC)

// times are event times: mostly rising, with ties, disorder and, unless calm,
// rows that come late.
func (r random) times(n int, calm bool) []string {
	at := beginning.Add(time.Duration(r.IntN(60)) * time.Second)
	all := make([]string, n)
	for i := range all {
		switch r.IntN(6) {
		case 0: // a tie
		case 1:
			at = at.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
		default:
			at = at.Add(time.Duration(r.IntN(45)) * time.Second)
		}
		shown := at
		if r.chance(5) {
			shown = at.Add(-time.Duration(r.IntN(90)) * time.Second)
		}
		if r.chance(12) && !calm {
			shown = at.Add(-time.Duration(2+r.IntN(8)) * time.Minute)
		}
		all[i] = shown.Format(momentForm)
	}
	return all
}

// delay is a watermark's. In calm tables no row is late: with two inputs it
// would depend on which of them is ahead.
func (r random) delay(calm bool) string {
	if calm {
		return "INTERVAL '1' HOUR"
	}
	return pick(r, "INTERVAL '0' SECOND", "INTERVAL '5' SECOND", "INTERVAL '1' MINUTE")
}

// events is a stream of rows with all kinds of columns; zoned ones have instants
// for times.
func (r random) events(name string, calm, zoned bool) *table {
	t := &table{name: name, file: name + ".json", columns: []column{
		{"id", integer}, {"k", text}, {"g", integer}, {"x", integer}, {"y", long}, {"d", decimal}, {"b", boolean}, {"ts", moment}}}
	timeType, ending := "TIMESTAMP(3)", ""
	if zoned {
		timeType, ending = "TIMESTAMP_LTZ(3)", "Z"
	}
	t.definition = fmt.Sprintf(`CREATE TABLE %s (
  id INT, k STRING, g INT, x INT, y BIGINT, d DECIMAL(8, 2), b BOOLEAN, ts %s,
  WATERMARK FOR ts AS ts - %s
) WITH ('connector' = 'filesystem', 'path' = '${DIR}/%s', 'format' = 'json')`, name, timeType, r.delay(calm), t.file)
	n := pick(r, 0, 1, 3, 8, 15, 25, 40)
	for i, at := range r.times(n, calm) {
		t.lines = append(t.lines, fmt.Sprintf(`{"id": %d, "k": %s, "g": %s, "x": %s, "y": %s, "d": %s, "b": %s, "ts": %q}`,
			i+1, r.null(r.word()), r.null(fmt.Sprint(r.IntN(3))), r.null(fmt.Sprint(r.IntN(20)-5)), r.null(fmt.Sprint(r.Int64N(1_000_000_000_000))),
			r.null(fmt.Sprintf("%d.%02d", r.IntN(200)-50, r.IntN(100))), r.null(fmt.Sprint(r.chance(2))), at+ending))
	}
	return t
}

// changes is a table of inserts, updates and deletes with a key.
func (r random) changes(name string) *table {
	t := &table{name: name, file: name + ".json", columns: []column{{"id", integer}, {"k", text}, {"n", integer}, {"ts", moment}}}
	t.definition = fmt.Sprintf(`CREATE TABLE %s (
  id INT, k STRING, n INT, ts TIMESTAMP(3), PRIMARY KEY (id) NOT ENFORCED,
  WATERMARK FOR ts AS ts - INTERVAL '1' HOUR
) WITH ('connector' = 'filesystem', 'path' = '${DIR}/%s', 'format' = 'debezium-json')`, name, t.file)
	live := map[int]string{}
	var ids []int
	for range pick(r, 0, 2, 8, 20, 30) {
		if len(ids) > 0 && r.chance(2) {
			at := r.IntN(len(ids))
			id, before := ids[at], live[ids[at]]
			if r.chance(3) {
				t.lines = append(t.lines, fmt.Sprintf(`{"before": %s, "after": null, "op": "d"}`, before))
				delete(live, id)
				ids = append(ids[:at], ids[at+1:]...)
				continue
			}
			live[id] = r.changing(id)
			t.lines = append(t.lines, fmt.Sprintf(`{"before": %s, "after": %s, "op": "u"}`, before, live[id]))
			continue
		}
		id := r.IntN(1000)
		if _, there := live[id]; there {
			continue
		}
		live[id] = r.changing(id)
		ids = append(ids, id)
		t.lines = append(t.lines, fmt.Sprintf(`{"before": null, "after": %s, "op": "c"}`, live[id]))
	}
	return t
}

func (r random) changing(id int) string {
	at := beginning.Add(time.Duration(r.IntN(600)) * time.Second).Format(momentForm)
	return fmt.Sprintf(`{"id": %d, "k": %s, "n": %s, "ts": %q}`, id, r.null(r.word()), r.null(fmt.Sprint(r.IntN(9)-2)), at)
}

// content is the file's text.
func (t *table) content() string {
	if len(t.lines) == 0 {
		return ""
	}
	return strings.Join(t.lines, "\n") + "\n"
}
