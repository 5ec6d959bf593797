package jdbc

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// source reads a table once, split by split.
//
// With a declared primary key, rows come in its order and a reader goes on behind
// the last one, after a restart and after a connection was lost. Without one it
// counts rows, and goes on behind so many: that is right for as long as the table
// stays what it is.
type source struct {
	settings   settings
	table      table // the request's columns, then those of the key that are not among them
	wanted     int   // how many columns the request has
	key        []int // columns to order by; nil for none
	conditions []connect.Condition
}

func newSource(r connect.Request) (connect.Source, error) {
	s := &source{wanted: len(r.Columns), conditions: r.Conditions}
	var err error
	if s.settings, err = settingsOf(r.Options); err != nil {
		return nil, err
	}
	columns := slices.Clone(r.Columns)
	for _, name := range r.Keys {
		at := slices.IndexFunc(columns, func(c connect.Column) bool { return c.Name == name })
		if at < 0 {
			declared := slices.IndexFunc(r.Schema, func(c connect.Column) bool { return c.Name == name })
			if declared < 0 {
				return nil, problem.New(problem.UnknownColumn, "the key column %s of %s is no column of the table there", name, r.Table).About(name)
			}
			at = len(columns)
			columns = append(columns, r.Schema[declared])
		}
		s.key = append(s.key, at)
	}
	if slices.ContainsFunc(s.key, func(at int) bool { return !isExact(columns[at].Type) }) {
		s.key, columns = nil, columns[:s.wanted]
	}
	s.table, err = newTable(s.settings, r.Table, columns)
	return s, err
}

// isExact reports whether values of the type, once read, are still what the
// database has: only then is it known which rows come behind one.
func isExact(t value.Type) bool {
	return t.IsInteger() || t.IsText() || t.IsBytes() || t.Kind == value.Date
}

// Splits are the parts of a partitioned scan, or the table.
func (s *source) Splits(context.Context) ([]connect.SplitID, error) {
	if s.settings.partitions == nil {
		return []connect.SplitID{"table"}, nil
	}
	splits := make([]connect.SplitID, s.settings.partitions.count)
	for i := range splits {
		splits[i] = connect.SplitID("partition-" + strconv.Itoa(i))
	}
	return splits, nil
}

// Bounded is true: a scan ends with the rows that are there.
func (s *source) Bounded() bool { return true }

// Open finds out which columns there are, and reads behind the offset.
func (s *source) Open(ctx context.Context, split connect.SplitID, from connect.Offset) (connect.Reader, error) {
	r := &reader{source: s, table: s.table}
	r.table.columns = slices.Clone(s.table.columns)
	if number, isPart := strings.CutPrefix(string(split), "partition-"); isPart {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || s.settings.partitions == nil || n >= s.settings.partitions.count {
			return nil, problem.New(problem.Conflict, "%s has no split %s any more", s.table.name, split).WithHint("leave the options of the partitioned scan as they were, or start anew")
		}
		r.split = n
	}
	var err error
	if r.offset, err = s.readOffset(from); err != nil {
		return nil, err
	}
	// A reader has a connection of its own for as long as its query takes.
	if r.database, err = openDatabase(s.settings, retriesDefault, 1); err != nil {
		return nil, err
	}
	if err := r.table.describe(ctx, r.database); err != nil {
		return nil, errors.Join(err, r.database.Close())
	}
	r.cells = newCells(&r.table, r.table.columns)
	r.open, r.close = context.WithCancelCause(context.Background())
	return r, nil
}

// position is where a reader is. As an offset it is the number of rows (varint),
// then the key of the last one in key form, if rows are ordered.
type position struct {
	rows uint64
	key  []byte // nil at the beginning, and without an order
}

func (p position) offset() connect.Offset {
	return append(binary.AppendUvarint(nil, p.rows), p.key...)
}

func (s *source) readOffset(from connect.Offset) (p position, err error) {
	if len(from) == 0 {
		return p, nil
	}
	rows, n := binary.Uvarint(from)
	if n <= 0 || (s.key != nil) != (len(from) > n) && rows > 0 {
		return p, problem.New(problem.Conflict, "the position in %s is of another kind of scan", s.table.name).WithHint("the primary key was added or dropped: start anew")
	}
	p.rows = rows
	if s.key != nil && rows > 0 {
		p.key = slices.Clone(from[n:])
	}
	return p, nil
}

// reader reads a split.
type reader struct {
	source   *source
	table    table
	database *database
	cells    cells
	split    int64
	open     context.Context // ends with Close
	close    context.CancelCauseFunc

	mu     sync.Mutex      // held by Read and Close
	query  context.Context // of the query that is under way; ends with open
	cancel context.CancelCauseFunc
	rows   *sql.Rows // nil when no query is under way
	offset position
	ended  bool
}

// Read gives the next rows. When the connection is lost it asks again for the rows
// behind the last one.
func (r *reader) Read(ctx context.Context) (*batch.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil, io.EOF
	}
	if r.rows == nil {
		r.query, r.cancel = context.WithCancelCause(r.open)
	}
	cancel := r.cancel
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	defer stop()
	columns := r.cells.begin()
	b := &batch.Batch{}
	err := r.database.try(r.query, func() error { return r.fill(b) })
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("read table %s: %w", r.table.name, err)
	case b.Rows == 0:
		return nil, io.EOF
	}
	r.offset = r.behind(b)
	b.Columns = columns[:r.source.wanted]
	return b, nil
}

// fill adds rows to a batch until it is full or there are no more. What it has
// added when it fails stays: the next try goes on behind it.
func (r *reader) fill(b *batch.Batch) (err error) {
	defer func() {
		if err != nil && r.rows != nil {
			_ = r.rows.Close() // the query has failed
			r.rows = nil
		}
	}()
	if r.rows == nil {
		if err := r.ask(b); err != nil {
			return err
		}
	}
	for b.Rows < batch.MaxRows && r.rows.Next() {
		if err := r.rows.Scan(r.cells.targets()...); err != nil {
			return err
		}
		b.Rows++
	}
	if b.Rows == batch.MaxRows {
		return nil
	}
	if err := r.rows.Err(); err != nil {
		return err
	}
	r.ended = true
	return nil
}

// behind is the position behind the rows of a batch that is being filled.
func (r *reader) behind(b *batch.Batch) position {
	p := position{rows: r.offset.rows + uint64(b.Rows), key: r.offset.key}
	if r.source.key != nil && b.Rows > 0 {
		key := make([]*batch.Column, len(r.source.key))
		for i, place := range r.source.key {
			key[i] = r.cells[place].to
		}
		p.key = batch.AppendKey(nil, key, b.Rows-1)
	}
	return p
}

// ask begins the query behind the rows that were read and those in the batch.
func (r *reader) ask(b *batch.Batch) error {
	from := r.behind(b)
	text, arguments, err := r.statement(from.key)
	if err != nil {
		return err
	}
	if r.rows, err = r.database.QueryContext(r.query, text, arguments...); err != nil || r.source.key != nil {
		return err
	}
	for range from.rows {
		if !r.rows.Next() {
			return r.rows.Err()
		}
	}
	return nil
}

// statement is the query for a split, behind a key if there is one.
func (r *reader) statement(key []byte) (string, []any, error) {
	text := r.table.newSelect(r.table.names())
	var arguments []any
	joint := " WHERE "
	and := func() { text.WriteString(joint); joint = " AND " }
	if p := r.source.settings.partitions; p != nil {
		if part := p.part(r.split, r.table.nameOf(p.column)); part != "" {
			and()
			text.WriteString(part)
		}
	}
	for _, c := range r.source.conditions {
		column := r.table.columns[c.Column]
		c, ok := column.askable(c)
		if !ok {
			continue
		}
		and()
		text.WriteString(column.quoted + " " + string(c.Comparison))
		if c.Comparison == connect.IsNotNull {
			continue
		}
		text.WriteByte(' ')
		text.argument(column.of)
		one := batch.NewColumn(column.of, 1)
		one.AppendValue(c.Value)
		var err error
		if arguments, _, err = r.table.appendArguments(arguments, r.table.at([]int{c.Column}), []*batch.Column{one}, 0); err != nil {
			return "", nil, err
		}
	}
	if r.source.key == nil {
		return text.String(), arguments, nil
	}
	ordered := r.table.at(r.source.key)
	if key != nil {
		last, err := keyArguments(&r.table, ordered, key)
		if err != nil {
			return "", nil, err
		}
		and()
		text.behind(ordered)
		for i := range ordered {
			arguments = append(arguments, last[:i+1]...)
		}
	}
	names := make([]string, len(ordered))
	for i, c := range ordered {
		names[i] = c.quoted
	}
	text.WriteString(" ORDER BY " + strings.Join(names, ", "))
	return text.String(), arguments, nil
}

// keyArguments are the values of a key.
func keyArguments(t *table, columns []column, key []byte) ([]any, error) {
	values := make([]*batch.Column, len(columns))
	for i, c := range columns {
		values[i] = batch.NewColumn(c.of, 1)
	}
	if _, err := batch.AppendRow(values, key); err != nil {
		return nil, problem.New(problem.Corrupt, "the position in %s is damaged", t.name)
	}
	arguments, _, err := t.appendArguments(nil, columns, values, 0)
	return arguments, err
}

// Offset is behind the last batch.
func (r *reader) Offset() connect.Offset { return r.offset.offset() }

// Watermark is unknown.
func (r *reader) Watermark() int64 { return batch.NoMark }

// Close ends the query and the connection.
func (r *reader) Close() error {
	r.close(sql.ErrConnDone)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rows != nil {
		_ = r.rows.Close() // it was cancelled
		r.rows = nil
	}
	return r.database.Close()
}
