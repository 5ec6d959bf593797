package olap

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// Writer applies epochs to one table.
type Writer struct {
	store *Store
	table Table
	mu    struct {
		sync.Mutex
		conn     driver.Conn // a transaction of ours is open only inside Apply
		noting   driver.Stmt // replaces what is noted of the epoch; nil before it is needed
		applied  *applied    // nil while it must be asked for
		ceilings []ceiling   // of the key; nil while they must be asked for
	}
	fills       []fill     // of the table's columns; nil when one has values with parts
	conversions []toDriver // likewise, for rows that are taken one by one
	types       []mapping.LogicalType
}

// Writer returns the table's only Writer.
func (s *Store) Writer(ctx context.Context, t Table) (*Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.mu.writers[t.Name]; w != nil {
		return w, nil
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect writer of %s: %w", t.Name, err)
	}
	w := &Writer{store: s, table: t}
	w.mu.conn = conn
	if err := w.prepare(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s.mu.writers[t.Name] = w
	return w, nil
}

// prepare decides how rows are given to DuckDB.
func (w *Writer) prepare() (err error) {
	whole := !w.table.Multiset // its rows have a digest, too
	for i, f := range w.table.Columns {
		fill, ok := fillOf(f.Type, i)
		whole = whole && ok
		w.fills, w.conversions = append(w.fills, fill), append(w.conversions, conversionTo(f.Type))
	}
	if !whole {
		w.fills = nil
		return nil
	}
	w.types, err = logicalTypes(w.table.Columns)
	return err
}

func (w *Writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.conn == nil {
		return nil
	}
	for i := range w.types {
		mapping.DestroyLogicalType(&w.types[i])
	}
	var err error
	if w.mu.noting != nil {
		err = w.mu.noting.Close()
	}
	err = errors.Join(err, w.mu.conn.Close())
	w.mu.conn, w.mu.applied = nil, nil
	return err
}

// applied is what is noted of a table's epochs.
type applied struct {
	epoch     uint64 // 0 before the first
	watermark int64  // ms
	noted     bool   // there is a note
}

// Committed is the last epoch applied, 0 before the first, and the event time in
// ms that came with it.
func (w *Writer) Committed(ctx context.Context) (epoch uint64, watermark int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, err := w.noted(ctx)
	return at.epoch, at.watermark, err
}

// noted is what is noted of the table's epochs: only this writer changes it. The
// caller holds mu.
func (w *Writer) noted(ctx context.Context) (applied, error) {
	if w.mu.applied != nil {
		return *w.mu.applied, nil
	}
	row, err := w.query(ctx, "SELECT epoch, watermark FROM tidemark_epochs WHERE table_name = $1", w.table.Name)
	if err != nil {
		return applied{}, fmt.Errorf("read epoch of %s: %w", w.table.Name, err)
	}
	at := applied{watermark: batch.NoMark}
	if row != nil {
		at = applied{epoch: row[0].(uint64), watermark: row[1].(int64), noted: true}
	}
	w.mu.applied = &at
	return at, nil
}

// query returns the first row, nil when there is none. The caller holds mu.
func (w *Writer) query(ctx context.Context, text string, args ...driver.Value) ([]driver.Value, error) {
	if w.mu.conn == nil {
		return nil, problem.New(problem.Canceled, "the hot store is closed")
	}
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	rows, err := w.mu.conn.(driver.QueryerContext).QueryContext(ctx, text, named)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return row, nil
}

func (w *Writer) exec(ctx context.Context, text string) error {
	_, err := w.mu.conn.(driver.ExecerContext).ExecContext(ctx, text, nil)
	return err
}

// Apply writes the rows of an epoch together with its number, all or nothing. An
// epoch that was applied before is left alone. In a keyed table the last row of
// a key wins; in a multiset each row taken away takes one equal row; in any other
// table every row must be an insert.
func (w *Writer) Apply(ctx context.Context, epoch uint64, watermark int64, batches []*batch.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, err := w.noted(ctx)
	if err != nil {
		return err
	}
	if before.noted && before.epoch >= epoch {
		return nil
	}
	if slices.ContainsFunc(batches, func(b *batch.Batch) bool { return b.Live() > 0 }) {
		defer w.store.moved(w.table.Name)
	}
	if err := w.findCeilings(ctx); err != nil {
		return err
	}
	now := applied{epoch, watermark, true}
	return w.transact(ctx, fmt.Sprintf("apply epoch %d to %s", epoch, w.table.Name), &now, func() error {
		if err := w.write(batches); err != nil {
			return err
		}
		return w.note(ctx, now, before.noted)
	})
}

// transact does its work in one transaction, which ends whatever happens, and
// remembers what is noted then. The caller holds mu.
func (w *Writer) transact(ctx context.Context, doing string, then *applied, work func() error) error {
	w.mu.applied = nil // whether a COMMIT that fails has happened, the database knows
	if err := w.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return fmt.Errorf("%s: begin: %w", doing, err)
	}
	ended := false
	defer func() {
		if !ended { // a panic is on its way: the connection must not stay in a transaction
			_ = w.exec(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	err := work()
	ended = true
	if err == nil {
		err = w.exec(ctx, "COMMIT")
	}
	if err != nil {
		// The context may be what failed; the transaction must end all the same.
		rollback := w.exec(context.WithoutCancel(ctx), "ROLLBACK")
		if rollback != nil && strings.Contains(rollback.Error(), "no transaction is active") {
			rollback = nil // a failed COMMIT has ended it
		}
		return errors.Join(fmt.Errorf("%s: %w", doing, diskProblem(err)), rollback)
	}
	w.mu.applied = then
	return nil
}

func (w *Writer) write(batches []*batch.Batch) error {
	switch {
	case w.table.Key != nil:
		return w.merge(batches)
	case w.table.Multiset:
		return w.count(batches)
	}
	return w.insert(batches)
}

// note writes how far the table is; known tells that something is noted already.
func (w *Writer) note(ctx context.Context, at applied, known bool) error {
	if !known {
		return w.exec(ctx, fmt.Sprintf("INSERT INTO tidemark_epochs VALUES (%s, %d, %d)", literal(w.table.Name), at.epoch, at.watermark))
	}
	if w.mu.noting == nil {
		var err error
		text := fmt.Sprintf("UPDATE tidemark_epochs SET epoch = $1, watermark = $2 WHERE table_name = %s", literal(w.table.Name))
		if w.mu.noting, err = w.mu.conn.(driver.ConnPrepareContext).PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	_, err := w.mu.noting.(driver.StmtExecContext).ExecContext(ctx, []driver.NamedValue{{Ordinal: 1, Value: at.epoch}, {Ordinal: 2, Value: at.watermark}})
	return err
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// insert adds rows.
func (w *Writer) insert(batches []*batch.Batch) error {
	if w.fills == nil {
		return w.insertRows(batches)
	}
	a, err := newAppending(w.mu.conn, w.table.Name, "", nil, w.types, w.fills)
	if err != nil {
		return err
	}
	return a.end(w.eachInsert(batches, a.add))
}

// append adds rows.
func (w *Writer) append(rows []place) error {
	a, err := newAppending(w.mu.conn, w.table.Name, "", nil, w.types, w.fills)
	if err != nil {
		return err
	}
	for i := 0; i < len(rows) && err == nil; i++ {
		err = a.add(rows[i])
	}
	return a.end(err)
}

// insertRows adds rows one by one.
func (w *Writer) insertRows(batches []*batch.Batch) error {
	appender, err := duckdb.NewAppenderFromConn(w.mu.conn, "", w.table.Name)
	if err != nil {
		return err
	}
	row := make([]driver.Value, len(w.table.Columns))
	failed := w.eachInsert(batches, func(p place) error {
		if err := w.convert(row, p.b, p.row); err != nil {
			return err
		}
		return appender.AppendRow(row...)
	})
	if failed != nil {
		return errors.Join(failed, appender.Clear(), appender.Close())
	}
	return appender.Close()
}

// eachInsert calls add with every row, all of which must be inserts.
func (w *Writer) eachInsert(batches []*batch.Batch, add func(place) error) (failed error) {
	for _, b := range batches {
		b.Each(func(i int) {
			switch {
			case failed != nil:
			case b.Kind(i) != batch.Insert:
				failed = problem.New(problem.InvalidQuery, "a change of kind %s reached %s, which has no key", b.Kind(i), w.table.Name).WithHint("give the table a primary key")
			default:
				failed = add(place{b, i})
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

func (w *Writer) convert(row []driver.Value, b *batch.Batch, i int) error {
	for c, col := range b.Columns {
		if col.IsNull(i) {
			row[c] = nil
			continue
		}
		v, err := w.conversions[c](col, i)
		if err != nil {
			return fmt.Errorf("column %s: %w", w.table.Columns[c].Name, err)
		}
		row[c] = v
	}
	return nil
}

// lastOfEachKey finds the change that counts of every key, in order of each
// key's first appearance.
//
// That is the last one, if it adds a row. When the last one takes a row away,
// another worker may have put a new row of the key in front of it: the row that
// was added and not taken away counts then. With upserts that cannot be, and what
// an update replaced is not taken away either.
func (w *Writer) lastOfEachKey(batches []*batch.Batch) []place {
	index := map[string]int{}
	var last []place
	var seen []int // how many changes each key has
	w.eachKey(batches, func(key []byte, p place) {
		at, known := index[string(key)]
		if !known {
			at = len(last)
			index[string(key)] = at
			last, seen = append(last, place{}), append(seen, 0)
		}
		last[at] = p
		seen[at]++
	})
	if w.table.Upserts {
		return last
	}
	doubtful := map[int]map[string]*netChange{}
	for at, p := range last {
		if seen[at] > 1 && p.b.Kind(p.row).Retracts() {
			doubtful[at] = map[string]*netChange{}
		}
	}
	if len(doubtful) == 0 {
		return last
	}
	var row []byte
	w.eachKey(batches, func(key []byte, p place) {
		at := index[string(key)]
		rows, is := doubtful[at]
		if !is {
			return
		}
		row = batch.AppendKey(row[:0], p.b.Columns, p.row)
		change := rows[string(row)]
		if change == nil {
			change = &netChange{}
			rows[string(row)] = change
		}
		if p.b.Kind(p.row).Retracts() {
			change.net--
		} else {
			change.net++
			change.added = p
		}
	})
	for at, rows := range doubtful {
		for _, change := range rows {
			if change.net > 0 {
				last[at] = change.added
			}
		}
	}
	return last
}

// netChange is how often a row was added, less how often it was taken away.
type netChange struct {
	net   int
	added place
}

// eachKey calls f with the key of every change; it is f's only until it returns.
func (w *Writer) eachKey(batches []*batch.Batch, f func(key []byte, p place)) {
	var key []byte
	columns := make([]*batch.Column, len(w.table.Key))
	for _, b := range batches {
		for i, k := range w.table.Key {
			columns[i] = b.Columns[k]
		}
		b.Each(func(i int) {
			key = batch.AppendKey(key[:0], columns, i)
			f(key, place{b, i})
		})
	}
}

// goneColumn tells of a row that is merged whether it is taken away.
const goneColumn = "tidemark_gone"

// merge applies the last change of each key: it appends the rows whose keys cannot
// be there, and merges the others in one statement. DuckDB's MERGE would insert both
// rows of a key that came twice.
func (w *Writer) merge(batches []*batch.Batch) error {
	over, last := w.overCeilings(w.lastOfEachKey(batches))
	if len(over) > 0 {
		if err := w.append(over); err != nil {
			return err
		}
	}
	if len(last) == 0 {
		return nil
	}
	names := make([]string, 0, len(w.table.Columns)+1)
	for _, f := range w.table.Columns {
		names = append(names, f.Name)
	}
	names = append(names, goneColumn)
	if w.fills == nil {
		return w.mergeRows(last, names)
	}
	gone := mapping.CreateLogicalType(duckdb.TYPE_BOOLEAN)
	defer mapping.DestroyLogicalType(&gone)
	a, err := newAppending(w.mu.conn, "", w.mergeText(last), names, append(slices.Clone(w.types), gone), append(slices.Clone(w.fills), fillGone))
	if err != nil {
		return err
	}
	for i := 0; i < len(last) && err == nil; i++ {
		err = a.add(last[i])
	}
	return a.end(err)
}

// mergeRows merges rows that are given one by one.
func (w *Writer) mergeRows(last []place, names []string) error {
	types := make([]duckdb.TypeInfo, 0, len(names))
	for _, f := range w.table.Columns {
		info, err := typeInfo(f.Type)
		if err != nil {
			return err
		}
		types = append(types, info)
	}
	gone, err := duckdb.NewTypeInfo(duckdb.TYPE_BOOLEAN)
	if err != nil {
		return err
	}
	appender, err := duckdb.NewQueryAppender(w.mu.conn, w.mergeText(last), "", append(types, gone), names)
	if err != nil {
		return err
	}
	row := make([]driver.Value, len(names))
	for _, p := range last {
		if err = w.convert(row, p.b, p.row); err == nil {
			row[len(row)-1] = p.b.Kind(p.row).Retracts()
			err = appender.AppendRow(row...)
		}
		if err != nil {
			return errors.Join(err, appender.Clear(), appender.Close())
		}
	}
	return appender.Close()
}

// mergeText is the statement that merges rows. DuckDB looks for their keys in all
// of the table but the parts that it knows to have others: for that it is told
// between which values the keys are.
func (w *Writer) mergeText(rows []place) string {
	isKey := map[int]bool{}
	var on, set, insert []string
	for _, k := range w.table.Key {
		isKey[k] = true
		name, same := quote(w.table.Columns[k].Name), "IS NOT DISTINCT FROM"
		if w.table.Columns[k].Type.NotNull {
			same = "="
		}
		on = append(on, fmt.Sprintf("t.%s %s s.%s", name, same, name))
		if span := w.span(k, rows); span != "" {
			on = append(on, "t."+name+" "+span)
		}
	}
	for i, f := range w.table.Columns {
		if !isKey[i] {
			set = append(set, fmt.Sprintf("%s = s.%s", quote(f.Name), quote(f.Name)))
		}
		insert = append(insert, "s."+quote(f.Name))
	}
	if len(on) == 0 {
		on = []string{"TRUE"} // a table of one row
	}
	text := "MERGE INTO " + quote(w.table.Name) + " AS t USING appended_data AS s ON " + strings.Join(on, " AND ") +
		" WHEN MATCHED AND s." + goneColumn + " THEN DELETE"
	if set != nil {
		text += " WHEN MATCHED THEN UPDATE SET " + strings.Join(set, ", ")
	}
	return text + " WHEN NOT MATCHED AND NOT s." + goneColumn + " THEN INSERT VALUES (" + strings.Join(insert, ", ") + ")"
}

// span is the condition that a column has a value between the least and the
// greatest of rows; "" where there is none to be told, or a row has NULL.
func (w *Writer) span(column int, rows []place) string {
	least, greatest := int64(math.MaxInt64), int64(math.MinInt64)
	for _, p := range rows {
		c := p.b.Columns[column]
		if c.Type.Class() != value.Ints || c.IsNull(p.row) {
			return ""
		}
		least, greatest = min(least, c.Ints[p.row]), max(greatest, c.Ints[p.row])
	}
	switch t := w.table.Columns[column].Type; {
	case t.IsInteger():
		return fmt.Sprintf("BETWEEN %d AND %d", least, greatest)
	case t.Kind == value.Timestamp:
		return fmt.Sprintf("BETWEEN make_timestamp(%d) AND make_timestamp(%d)", least, greatest)
	case t.Kind == value.TimestampLTZ:
		return fmt.Sprintf("BETWEEN make_timestamp(%d)::TIMESTAMPTZ AND make_timestamp(%d)::TIMESTAMPTZ", least, greatest)
	}
	return ""
}

func typeInfo(t value.Type) (duckdb.TypeInfo, error) {
	switch t.Kind {
	case value.Decimal:
		return duckdb.NewDecimalInfo(uint8(t.Precision), uint8(t.Scale))
	case value.Array:
		elem, err := typeInfo(*t.Elem)
		if err != nil {
			return nil, err
		}
		return duckdb.NewListInfo(elem)
	case value.Map:
		key, err := typeInfo(*t.Key)
		if err != nil {
			return nil, err
		}
		elem, err := typeInfo(*t.Elem)
		if err != nil {
			return nil, err
		}
		return duckdb.NewMapInfo(key, elem)
	case value.Row:
		entries := make([]duckdb.StructEntry, len(t.Fields))
		for i, f := range t.Fields {
			info, err := typeInfo(f.Type)
			if err != nil {
				return nil, err
			}
			if entries[i], err = duckdb.NewStructEntry(info, f.Name); err != nil {
				return nil, err
			}
		}
		return duckdb.NewStructInfo(entries[0], entries[1:]...)
	}
	simple, ok := simpleTypes[t.Kind]
	if !ok {
		return nil, problem.New(problem.Unsupported, "a stored table cannot have a column of type %s", t)
	}
	if t.Kind == value.Timestamp && t.Precision > 6 {
		simple = duckdb.TYPE_TIMESTAMP_NS
	}
	return duckdb.NewTypeInfo(simple)
}

var simpleTypes = map[value.Kind]duckdb.Type{
	value.Boolean: duckdb.TYPE_BOOLEAN, value.TinyInt: duckdb.TYPE_TINYINT, value.SmallInt: duckdb.TYPE_SMALLINT,
	value.Int: duckdb.TYPE_INTEGER, value.BigInt: duckdb.TYPE_BIGINT, value.Float: duckdb.TYPE_FLOAT, value.Double: duckdb.TYPE_DOUBLE,
	value.Char: duckdb.TYPE_VARCHAR, value.Varchar: duckdb.TYPE_VARCHAR, value.Variant: duckdb.TYPE_VARCHAR,
	value.Binary: duckdb.TYPE_BLOB, value.Varbinary: duckdb.TYPE_BLOB, value.Date: duckdb.TYPE_DATE, value.Time: duckdb.TYPE_TIME,
	value.Timestamp: duckdb.TYPE_TIMESTAMP, value.TimestampLTZ: duckdb.TYPE_TIMESTAMP_TZ,
}
