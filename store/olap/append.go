package olap

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// chunkRows is how many rows DuckDB takes at once.
const chunkRows = 2048

// place is where a row stands.
type place struct {
	b   *batch.Batch
	row int
}

// fill copies one column of rows into a vector of DuckDB's.
type fill func(v *vector, rows []place) error

// vector is memory of DuckDB's for a column of a chunk.
type vector struct {
	handle mapping.Vector
	nulls  *[chunkRows / 64]uint64 // a bit for each row that is not NULL; nil while no row is
}

// slots is the vector's memory as values.
func slots[T any](v *vector) *[chunkRows]T {
	return (*[chunkRows]T)(mapping.VectorGetData(v.handle))
}

func (v *vector) setNull(i int) {
	if v.nulls == nil {
		mapping.VectorEnsureValidityWritable(v.handle)
		v.nulls = (*[chunkRows / 64]uint64)(mapping.VectorGetValidity(v.handle))
	}
	v.nulls[i/64] &^= 1 << (i % 64)
}

// fillOf is how a column of a type is copied; false for types whose values have
// parts.
func fillOf(t value.Type, column int) (fill, bool) {
	switch t.Kind {
	case value.Boolean:
		return fillEach(column, func(c *batch.Column, i int) bool { return c.Bools[i] }), true
	case value.TinyInt:
		return fillInts[int8](column), true
	case value.SmallInt:
		return fillInts[int16](column), true
	case value.Int, value.Date:
		return fillInts[int32](column), true
	case value.BigInt:
		return fillInts[int64](column), true
	case value.Time:
		const microsPerMilli = 1000
		return fillEach(column, func(c *batch.Column, i int) int64 { return c.Ints[i] * microsPerMilli }), true
	case value.Timestamp, value.TimestampLTZ:
		if t.Precision <= 6 {
			return fillInts[int64](column), true
		}
		return fillNanos(column, t.Kind == value.TimestampLTZ), true
	case value.Float:
		return fillEach(column, func(c *batch.Column, i int) float32 { return float32(c.Floats[i]) }), true
	case value.Double:
		return fillEach(column, func(c *batch.Column, i int) float64 { return c.Floats[i] }), true
	case value.Decimal:
		return fillDecimals(column, t.Precision), true
	}
	if t.Class() == value.Strings {
		return fillTexts(column), true
	}
	return nil, false
}

// fillEach fills with values that DuckDB holds as T.
func fillEach[T any](column int, get func(c *batch.Column, i int) T) fill {
	return func(v *vector, rows []place) error {
		to := slots[T](v)
		for i, p := range rows {
			if c := p.b.Columns[column]; c.IsNull(p.row) {
				v.setNull(i)
			} else {
				to[i] = get(c, p.row)
			}
		}
		return nil
	}
}

func fillInts[T int8 | int16 | int32 | int64](column int) fill {
	return fillEach(column, func(c *batch.Column, i int) T { return T(c.Ints[i]) })
}

// fillDecimals fills with unscaled values, in the least integer that has room for
// the precision, as DuckDB has them.
func fillDecimals(column, precision int) fill {
	switch {
	case precision <= 4:
		return fillEach(column, func(c *batch.Column, i int) int16 { return int16(c.Wides[i].Lo) })
	case precision <= 9:
		return fillEach(column, func(c *batch.Column, i int) int32 { return int32(c.Wides[i].Lo) })
	case precision <= 18:
		return fillEach(column, func(c *batch.Column, i int) int64 { return int64(c.Wides[i].Lo) })
	}
	type wide struct {
		low  uint64
		high int64
	}
	return fillEach(column, func(c *batch.Column, i int) wide { return wide{c.Wides[i].Lo, c.Wides[i].Hi} })
}

// fillNanos fills with times of more than 6 fraction digits: nanoseconds, or, in
// a column with a time zone, microseconds.
func fillNanos(column int, zoned bool) fill {
	return func(v *vector, rows []place) error {
		to := slots[int64](v)
		for i, p := range rows {
			c := p.b.Columns[column]
			if c.IsNull(p.row) {
				v.setNull(i)
				continue
			}
			at, err := nanoTime(c.Wides[p.row])
			if err != nil {
				return err
			}
			if to[i] = at.UnixNano(); zoned {
				to[i] = at.UnixMicro()
			}
		}
		return nil
	}
}

func fillTexts(column int) fill {
	return func(v *vector, rows []place) error {
		for i, p := range rows {
			if c := p.b.Columns[column]; c.IsNull(p.row) {
				v.setNull(i)
			} else {
				mapping.VectorAssignStringElementLen(v.handle, mapping.IdxT(i), c.Bytes(p.row))
			}
		}
		return nil
	}
}

// fillGone tells of each row whether it is taken away.
func fillGone(v *vector, rows []place) error {
	to := slots[bool](v)
	for i, p := range rows {
		to[i] = p.b.Kind(p.row).Retracts()
	}
	return nil
}

// appending gives rows to DuckDB chunk by chunk, each column by column: taking
// them one by one, as the driver's own appender does, makes garbage of every
// value, which was most of what storing events cost. It must be closed.
type appending struct {
	appender mapping.Appender
	chunk    mapping.DataChunk
	fills    []fill
	rows     []place // of the chunk
}

// newAppending appends to a table, or, with a statement, has that take the rows
// from the table appended_data, whose columns have the given names.
func newAppending(conn driver.Conn, table, statement string, names []string, types []mapping.LogicalType, fills []fill) (*appending, error) {
	connection, err := connectionOf(conn)
	if err != nil {
		return nil, err
	}
	a := &appending{fills: fills, rows: make([]place, 0, chunkRows)}
	var state mapping.State
	if statement == "" {
		state = mapping.AppenderCreateExt(connection, "", "", table, &a.appender)
	} else {
		state = mapping.AppenderCreateQuery(connection, statement, types, "", names, &a.appender)
	}
	if state == mapping.StateError {
		return nil, errors.Join(a.fault("begin to append"), a.destroy())
	}
	a.chunk = mapping.CreateDataChunk(types)
	return a, nil
}

// connectionOf is DuckDB's handle of a connection, which the driver does not show.
func connectionOf(conn driver.Conn) (mapping.Connection, error) {
	c, ok := conn.(*duckdb.Conn)
	if !ok {
		return mapping.Connection{}, fmt.Errorf("a %T is no connection of DuckDB's", conn)
	}
	field := reflect.ValueOf(c).Elem().FieldByName("conn")
	if !field.IsValid() || field.Type() != reflect.TypeFor[mapping.Connection]() {
		return mapping.Connection{}, errors.New("the driver keeps its connection in another way")
	}
	return *(*mapping.Connection)(unsafe.Pointer(field.UnsafeAddr())), nil
}

// fault is what DuckDB says about the last failure.
func (a *appending) fault(doing string) error {
	about := mapping.AppenderErrorData(a.appender)
	defer mapping.DestroyErrorData(&about)
	return fmt.Errorf("%s: %s", doing, mapping.ErrorDataMessage(about))
}

// add appends a row.
func (a *appending) add(p place) error {
	a.rows = append(a.rows, p)
	if len(a.rows) < chunkRows {
		return nil
	}
	return a.pass()
}

// pass gives the rows that have come together to DuckDB.
func (a *appending) pass() error {
	if len(a.rows) == 0 {
		return nil
	}
	for k, fill := range a.fills {
		if err := fill(&vector{handle: mapping.DataChunkGetVector(a.chunk, mapping.IdxT(k))}, a.rows); err != nil {
			return err
		}
	}
	mapping.DataChunkSetSize(a.chunk, mapping.IdxT(len(a.rows)))
	if mapping.AppendDataChunk(a.appender, a.chunk) == mapping.StateError {
		return a.fault("append")
	}
	mapping.DataChunkReset(a.chunk)
	a.rows = a.rows[:0]
	return nil
}

// end appends the rest and has DuckDB take everything, unless something failed.
func (a *appending) end(failed error) error {
	if failed == nil {
		failed = a.pass()
	}
	if failed == nil && mapping.AppenderFlush(a.appender) == mapping.StateError {
		failed = a.fault("append")
	}
	if failed != nil {
		mapping.AppenderClear(a.appender) // or it would flush once more when it is destroyed
	}
	mapping.DestroyDataChunk(&a.chunk)
	return errors.Join(failed, a.destroy())
}

func (a *appending) destroy() error {
	if mapping.AppenderDestroy(&a.appender) == mapping.StateError {
		return errors.New("end appending: DuckDB refused")
	}
	return nil
}

// logicalTypes are DuckDB's types of columns that fillOf knows.
func logicalTypes(columns []value.Field) ([]mapping.LogicalType, error) {
	types := make([]mapping.LogicalType, len(columns))
	for i, f := range columns {
		switch {
		case f.Type.Kind == value.Decimal:
			types[i] = mapping.CreateDecimalType(uint8(f.Type.Precision), uint8(f.Type.Scale))
		case f.Type.Kind == value.Timestamp && f.Type.Precision > 6:
			types[i] = mapping.CreateLogicalType(duckdb.TYPE_TIMESTAMP_NS)
		default:
			simple, ok := simpleTypes[f.Type.Kind]
			if !ok {
				return nil, problem.New(problem.Unsupported, "a stored table cannot have a column of type %s", f.Type)
			}
			types[i] = mapping.CreateLogicalType(simple)
		}
	}
	return types, nil
}
