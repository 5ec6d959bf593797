package olap

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// Question is a SELECT in DuckDB's dialect.
type Question struct {
	SQL     string
	Args    []any         // for $1, $2 …
	Columns []value.Field // what the answer is to be; nil to take DuckDB's types
	RowsMax int           // stop after so many rows; 0 for no limit

	Functions []Function // that SQL calls
}

// Stats tells what answering took.
type Stats struct {
	Rows      int           // rows passed on
	Truncated bool          // there were more than RowsMax
	Waited    time.Duration // for admission
	Ran       time.Duration
}

// Query answers the question in batches. It waits for its turn, and ends early
// when ctx does or when each returns an error. The columns given to each are the
// same for all batches and are given once, with no rows, for an empty answer.
func (s *Store) Query(ctx context.Context, q Question, each func([]value.Field, *batch.Batch) error) (Stats, error) {
	var stats Stats
	begin := time.Now()
	place, err := s.admission.admit(ctx, q.SQL)
	if err != nil {
		return stats, err
	}
	defer place.release()
	stats.Waited = time.Since(begin)
	begin = time.Now()
	err = s.answer(ctx, q, &stats, each)
	stats.Ran = time.Since(begin)
	return stats, err
}

// Ended is the problem of a question whose ctx has ended.
func Ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return problem.New(problem.Timeout, "the question took longer than allowed").WithHint("ask for less, or allow more time")
	}
	return problem.New(problem.Canceled, "the question was canceled")
}

func (s *Store) answer(ctx context.Context, q Question, stats *Stats, each func([]value.Field, *batch.Batch) error) error {
	conn, err := s.readers.Conn(ctx)
	if err != nil {
		return s.explain(ctx, err)
	}
	defer conn.Close()
	if err := s.functions.tell(conn, q.Functions); err != nil {
		return s.explain(ctx, err)
	}
	running := &calls{functions: q.Functions}
	ctx = context.WithValue(ctx, callsKey{}, running)
	err = conn.Raw(func(c any) error {
		rows, err := c.(driver.QueryerContext).QueryContext(ctx, q.SQL, arguments(q.Args))
		if err != nil {
			return err
		}
		defer rows.Close()
		return pass(q, rows, stats, each)
	})
	if fault := running.fault(); err != nil && fault != nil {
		return fault
	}
	return s.explain(ctx, err)
}

// arguments are the values of $1, $2 … as the driver takes them.
func arguments(values []any) []driver.NamedValue {
	named := make([]driver.NamedValue, len(values))
	for i, v := range values {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return named
}

// pass copies an answer into batches.
func pass(q Question, rows driver.Rows, stats *Stats, each func([]value.Field, *batch.Batch) error) error {
	c, err := newCursor(q, rows)
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		b, err := c.next()
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return err
		}
		stats.Rows, stats.Truncated = c.passed, c.truncated
		if b.Rows > 0 || first {
			if err := each(c.columns, b); err != nil {
				return err
			}
		}
		if end {
			return nil
		}
	}
}

// cursor reads an answer batch by batch.
type cursor struct {
	rows      driver.Rows
	columns   []value.Field
	row       []driver.Value // the current one, reused
	rowsMax   int            // 0 for no limit
	passed    int            // rows so far
	truncated bool           // there are more than rowsMax
}

func newCursor(q Question, rows driver.Rows) (*cursor, error) {
	columns := q.Columns
	if columns == nil {
		var err error
		if columns, err = columnsOf(rows); err != nil {
			return nil, err
		}
	}
	if got := len(rows.Columns()); got != len(columns) {
		return nil, fmt.Errorf("DuckDB answered %d columns where %d were expected", got, len(columns))
	}
	return &cursor{rows: rows, columns: columns, row: make([]driver.Value, len(columns)), rowsMax: q.RowsMax}, nil
}

// next gives the next rows; the last of them, which may be none, with io.EOF.
func (c *cursor) next() (*batch.Batch, error) {
	b := &batch.Batch{Columns: make([]*batch.Column, len(c.columns))}
	for i, f := range c.columns {
		b.Columns[i] = batch.NewColumn(f.Type, 0)
	}
	for b.Rows < batch.MaxRows {
		if err := c.rows.Next(c.row); err != nil {
			return b, err
		}
		if c.rowsMax > 0 && c.passed == c.rowsMax {
			c.truncated = true
			return b, io.EOF
		}
		for i, v := range c.row {
			b.Columns[i].Resize(b.Rows + 1)
			if err := setFromDriver(b.Columns[i], b.Rows, v); err != nil {
				return b, fmt.Errorf("column %s: %w", c.columns[i].Name, err)
			}
		}
		b.Rows++
		c.passed++
	}
	return b, nil
}

// explain turns DuckDB's errors into problems. Text that reaches DuckDB was
// printed by us from a bound tree, so only run-time errors are the user's.
func (s *Store) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return Ended(ctx)
	}
	var failed *duckdb.Error
	if !errors.As(err, &failed) {
		return err
	}
	text, _, _ := strings.Cut(strings.TrimSpace(failed.Msg), "\n")
	switch failed.Type {
	case duckdb.ErrorTypeConversion, duckdb.ErrorTypeOutOfRange, duckdb.ErrorTypeDivideByZero, duckdb.ErrorTypeInvalidInput:
		if strings.Contains(text, sketchMemoryError) {
			return tooLarge()
		}
		return problem.New(problem.InvalidValue, "%s", text)
	case duckdb.ErrorTypeOutOfMemory:
		return tooLarge()
	case duckdb.ErrorTypeNotImplemented, duckdb.ErrorTypeBinder:
		_, reason, _ := strings.Cut(text, ": ")
		return problem.New(problem.Unsupported, "DuckDB cannot answer this: %s", reason).
			WithHint("ask for it in a materialized table, which the engine computes")
	case duckdb.ErrorTypeCatalog:
		return problem.New(problem.Conflict, "%s", text).WithHint("the table may have just been dropped; ask again").Retryable()
	case duckdb.ErrorTypeIO:
		return diskProblem(err)
	}
	return fmt.Errorf("DuckDB refused %q: %s", "the printed question", failed.Msg)
}

func tooLarge() error {
	return problem.New(problem.TooLarge, "the question needs more memory than it may have").WithHint("group by fewer values or ask for a shorter time")
}

// columnsOf reads DuckDB's own types of an answer.
func columnsOf(rows driver.Rows) ([]value.Field, error) {
	typed, ok := rows.(driver.RowsColumnTypeDatabaseTypeName)
	if !ok {
		return nil, errors.New("the driver does not tell column types")
	}
	columns := make([]value.Field, len(rows.Columns()))
	for i, name := range rows.Columns() {
		t, err := typeNamed(typed.ColumnTypeDatabaseTypeName(i))
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
		columns[i] = value.Field{Name: name, Type: t}
	}
	return columns, nil
}

// typeNamed reads the simple type names that DuckDB answers with.
func typeNamed(name string) (value.Type, error) {
	var precision, scale int
	if n, _ := fmt.Sscanf(name, "DECIMAL(%d,%d)", &precision, &scale); n == 2 {
		return value.DecimalOf(precision, scale), nil
	}
	if elem, ok := strings.CutSuffix(name, "[]"); ok {
		t, err := typeNamed(elem)
		return value.ArrayOf(t), err
	}
	if t, ok := namedTypes[name]; ok {
		return t, nil
	}
	return value.Type{}, problem.New(problem.Unsupported, "an answer cannot have a column of type %s", name).WithHint("cast it to another type")
}

var namedTypes = map[string]value.Type{
	"BOOLEAN": value.BooleanType, "TINYINT": value.TinyIntType, "SMALLINT": value.SmallIntType, "INTEGER": value.IntType,
	"BIGINT": value.BigIntType, "UTINYINT": value.SmallIntType, "USMALLINT": value.IntType, "UINTEGER": value.BigIntType,
	"UBIGINT": value.DecimalOf(20, 0), "HUGEINT": value.DecimalOf(38, 0), "FLOAT": value.FloatType, "DOUBLE": value.DoubleType,
	"VARCHAR": value.StringType, "BLOB": value.BytesType, "DATE": value.DateType, "TIME": value.TimeOf(6),
	"TIMESTAMP": value.TimestampOf(6), "TIMESTAMP_S": value.TimestampOf(0), "TIMESTAMP_MS": value.TimestampOf(3),
	"TIMESTAMP_NS": value.TimestampOf(9), "TIMESTAMPTZ": value.TimestampLTZOf(6), "TIMESTAMP WITH TIME ZONE": value.TimestampLTZOf(6),
}
