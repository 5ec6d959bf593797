package property

import (
	"context"
	"errors"
	"strings"
	"time"

	"tidemark/base/vfs"
	"tidemark/test/trial"
)

// kind is the type of a column, as far as expressions care.
type kind int

const (
	integer kind = iota
	text
	decimal
	boolean
	moment
)

type column struct {
	name string
	kind kind
}

// table is one input: the events of a stream, and the rows that they leave.
type table struct {
	name    string
	columns []column
	types   string
	key     string // a PRIMARY KEY, or nothing
	delay   string // of the watermark
	file    bool   // its changes are a file of debezium-json; or it is native

	events, rows []string
	appends      bool // it takes nothing back
	distinct     bool // no two rows have the same time
}

const momentForm = "2006-01-02 15:04:05.000"

var beginning = time.Date(2024, 3, 1, 9, 0, 0, 0, time.UTC)

// No row of e and u is late: what comes late is at most disorderSeconds behind,
// and their watermarks wait longer. Changes take back rows of any age, so theirs
// wait for the end.
const (
	disorderSeconds = 50
	shortDelay      = "INTERVAL '1' MINUTE"
	longDelay       = "INTERVAL '1' DAY"
)

// inputs are the tables of a world: two streams, of which one has ties and
// repetitions, a changelog and a native table with a key.
func (c *choices) inputs() []*table {
	e := &table{name: "e", appends: true, delay: shortDelay, types: "id INT NOT NULL, k STRING, x INT, g INT, d DECIMAL(8, 2), b BOOLEAN, ts TIMESTAMP(3)",
		columns: []column{{"id", integer}, {"k", text}, {"x", integer}, {"g", integer}, {"d", decimal}, {"b", boolean}, {"ts", moment}}}
	u := &table{name: "u", appends: true, distinct: true, delay: shortDelay, types: "id INT, k STRING, x INT, ts TIMESTAMP(3)"}
	changes := &table{name: "c", file: true, delay: longDelay, types: "id INT NOT NULL, k STRING, x INT, ts TIMESTAMP(3)", key: pick(c, "", ", PRIMARY KEY (id) NOT ENFORCED")}
	keyed := &table{name: "p", delay: longDelay, types: changes.types, key: ", PRIMARY KEY (id) NOT ENFORCED"}
	for _, t := range []*table{u, changes, keyed} {
		t.columns = []column{{"id", integer}, {"k", text}, {"x", integer}, {"ts", moment}}
	}
	c.append(e)
	c.append(u)
	c.change(changes)
	c.change(keyed)
	return []*table{e, u, changes, keyed}
}

func (c *choices) sizes() int { return pick(c, 6, 12, 3, 9, 15, 1, 0, 18) }

func (c *choices) null(value string) string {
	if c.chance(15) {
		return "null"
	}
	return value
}

func (c *choices) word() string { return c.null(format("%q", pick(c, "a", "b", "c", "B", ""))) }

func (c *choices) small() string { return c.null(format("%d", c.below(8)-2)) }

// append gives a table rows: with rising times that are disturbed here and
// there, and some rows twice.
func (c *choices) append(t *table) {
	at := 0
	used := map[int]bool{}
	for n := range c.sizes() {
		at += pick(c, 10, 0, 1, 30, 100)
		shown := at
		if c.chance(30) {
			shown = max(0, at-c.below(disorderSeconds))
		}
		for t.distinct && used[shown] {
			at++
			shown = at
		}
		used[shown] = true
		time := beginning.Add(time.Duration(shown) * time.Second).Format(momentForm)
		row := format(`{"id": %d, "k": %s, "x": %s, "ts": %q}`, n, c.word(), c.small(), time)
		if !t.distinct {
			row = format(`{"id": %d, "k": %s, "x": %s, "g": %s, "d": %s, "b": %s, "ts": %q}`,
				n, c.word(), c.small(), c.small(), c.null(format("%d.%02d", c.below(60)-20, c.below(100))), c.null(pick(c, "true", "false")), time)
			if c.chance(15) {
				t.rows = append(t.rows, row)
			}
		}
		t.rows = append(t.rows, row)
	}
	t.events = t.rows
}

// change gives a table inserts, updates and deletes; a native one replaces the
// rows with the same key, and deletes none.
func (c *choices) change(t *table) {
	type live struct{ id, row string }
	var rows []live
	for n := range 2 * c.sizes() {
		at := -1
		if len(rows) > 0 && c.chance(50) {
			at = c.below(len(rows))
		}
		if at >= 0 && t.file && c.chance(35) {
			t.events = append(t.events, format(`{"before": %s, "after": null, "op": "d"}`, rows[at].row))
			rows = append(rows[:at:at], rows[at+1:]...)
			continue
		}
		id := format("%d", n)
		if t.key == "" {
			id = format("%d", c.below(4))
		}
		if at >= 0 {
			id = rows[at].id
		}
		next := live{id, format(`{"id": %s, "k": %s, "x": %s, "ts": %q}`, id, c.word(), c.small(), beginning.Add(time.Duration(5*c.below(60))*time.Second).Format(momentForm))}
		event := next.row
		if at >= 0 {
			if t.file {
				event = format(`{"before": %s, "after": %s, "op": "u"}`, rows[at].row, next.row)
			}
			rows[at] = next
		} else {
			if t.file {
				event = format(`{"before": null, "after": %s, "op": "c"}`, next.row)
			}
			rows = append(rows, next)
		}
		t.events = append(t.events, event)
	}
	for _, r := range rows {
		t.rows = append(t.rows, r.row)
	}
}

func (t *table) definition(key, options string) string {
	return format("CREATE TABLE %s (%s%s, WATERMARK FOR ts AS ts - %s)%s;\n", t.name, t.types, key, t.delay, options)
}

// inputPath is the file of changes, in the files of a world.
const inputPath = "/changes.json"

// stream is a world with the tables as streams.
func stream(ctx context.Context, tables []*table) (*trial.World, error) {
	w := trial.New()
	for _, t := range tables {
		if t.file {
			options := format(" WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'debezium-json')", inputPath)
			err := errors.Join(w.Define(ctx, t.definition(t.key, options)), vfs.WriteFile(w.Files, inputPath, []byte(lines(t.events))))
			if err != nil {
				return nil, err
			}
			continue
		}
		if err := define(ctx, w, t, t.key, t.events); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// final is a world with the rows that are left of the tables.
func final(ctx context.Context, tables []*table) (*trial.World, error) {
	w := trial.New()
	for _, t := range tables {
		if err := define(ctx, w, t, "", t.rows); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func define(ctx context.Context, w *trial.World, t *table, key string, rows []string) error {
	if err := w.Define(ctx, t.definition(key, "")); err != nil {
		return err
	}
	told, err := w.Feed(ctx, trial.Feed{Table: t.name, Rows: lines(rows)})
	if err == nil && told != format("%d accepted\n", len(rows)) {
		err = errors.New(told)
	}
	return err
}

func lines(rows []string) string { return strings.Join(append(rows[:len(rows):len(rows)], ""), "\n") }
