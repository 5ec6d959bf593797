package olap

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
)

// Table is what the store must know of a table.
type Table struct {
	Name    string
	Columns []value.Field
	Key     []int // positions in Columns; nil for a table without one, empty for one of at most one row
	// Multiset is for a table without a key that takes rows back: the whole row
	// tells which. Without it a table that has no key is only appended to.
	Multiset bool
	// Upserts says of a table with a key that the last change of a key counts: its
	// changes come in order, and rows before updates may be missing.
	Upserts bool
}

// stored is what the rows are kept in: for a multiset a table with one more
// column, which the view that is asked does not show.
func (t Table) stored() string {
	if t.Multiset {
		return t.Name + "$rows"
	}
	return t.Name
}

// CreateTable makes the table when it is not there. One that is there with other
// columns is a problem.Conflict: the caller decides whether to drop it.
func (s *Store) CreateTable(ctx context.Context, t Table) error {
	defer s.moved(t.Name)
	columns := make([]string, len(t.Columns))
	for i, f := range t.Columns {
		text, err := typeName(f.Type)
		if err != nil {
			return fmt.Errorf("column %s of %s: %w", f.Name, t.Name, err)
		}
		columns[i] = quote(f.Name) + " " + text
	}
	if t.Multiset {
		columns = append(columns, quote(digestColumn)+" UUID")
	}
	if _, err := s.readers.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+quote(t.stored())+" ("+strings.Join(columns, ", ")+")"); err != nil {
		return fmt.Errorf("create table %s: %w", t.Name, err)
	}
	if t.Multiset {
		if _, err := s.readers.ExecContext(ctx, "CREATE VIEW IF NOT EXISTS "+quote(t.Name)+" AS SELECT * EXCLUDE ("+quote(digestColumn)+") FROM "+quote(t.stored())); err != nil {
			return fmt.Errorf("create view of table %s: %w", t.Name, err)
		}
	}
	has, err := s.columns(ctx, t.stored())
	if err != nil {
		return err
	}
	if want := strings.Join(columns, ", "); unquoted(has) != unquoted(want) {
		return problem.New(problem.Conflict, "table %s is stored with other columns", t.Name).WithHint("stored: %s; wanted: %s", has, want)
	}
	return nil
}

// unquoted makes texts comparable: DuckDB quotes a struct's fields only where it
// must.
func unquoted(columns string) string { return strings.ReplaceAll(columns, `"`, "") }

// columns prints the stored columns of a table the way CreateTable does.
func (s *Store) columns(ctx context.Context, table string) (string, error) {
	rows, err := s.readers.QueryContext(ctx, "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? AND NOT internal ORDER BY column_index", table)
	if err != nil {
		return "", fmt.Errorf("read columns of %s: %w", table, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return "", fmt.Errorf("read columns of %s: %w", table, err)
		}
		all = append(all, quote(name)+" "+kind)
	}
	return strings.Join(all, ", "), rows.Err()
}

// DropTable removes the table and what is known of its epochs.
func (s *Store) DropTable(ctx context.Context, name string) error {
	defer s.moved(name)
	s.mu.Lock()
	w := s.mu.writers[name]
	delete(s.mu.writers, name)
	s.mu.Unlock()
	if w != nil {
		if err := w.close(); err != nil {
			return fmt.Errorf("close writer of %s: %w", name, err)
		}
	}
	tx, err := s.readers.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("drop table %s: %w", name, err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	stored := name
	var multiset bool
	if err := tx.QueryRowContext(ctx, "SELECT count(*) > 0 FROM duckdb_views() WHERE view_name = ? AND NOT internal", name).Scan(&multiset); err != nil {
		return fmt.Errorf("drop table %s: %w", name, err)
	}
	if multiset {
		if _, err := tx.ExecContext(ctx, "DROP VIEW "+quote(name)); err != nil {
			return fmt.Errorf("drop view of table %s: %w", name, err)
		}
		stored = Table{Name: name, Multiset: true}.stored()
	}
	if _, err := tx.ExecContext(ctx, "DROP TABLE IF EXISTS "+quote(stored)); err != nil {
		return fmt.Errorf("drop table %s: %w", name, err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM tidemark_epochs WHERE table_name = ?", name); err != nil {
		return fmt.Errorf("drop table %s: %w", name, err)
	}
	return tx.Commit()
}

// typeName spells a type for DuckDB, as duckdb_columns() spells it back.
func typeName(t value.Type) (string, error) {
	switch t.Kind {
	case value.Boolean:
		return "BOOLEAN", nil
	case value.TinyInt:
		return "TINYINT", nil
	case value.SmallInt:
		return "SMALLINT", nil
	case value.Int:
		return "INTEGER", nil
	case value.BigInt:
		return "BIGINT", nil
	case value.Float:
		return "FLOAT", nil
	case value.Double:
		return "DOUBLE", nil
	case value.Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale), nil
	case value.Char, value.Varchar, value.Variant:
		return "VARCHAR", nil
	case value.Binary, value.Varbinary:
		return "BLOB", nil
	case value.Date:
		return "DATE", nil
	case value.Time:
		return "TIME", nil
	case value.Timestamp:
		if t.Precision > 6 {
			return "TIMESTAMP_NS", nil
		}
		return "TIMESTAMP", nil
	case value.TimestampLTZ:
		return "TIMESTAMP WITH TIME ZONE", nil
	case value.Array:
		elem, err := typeName(*t.Elem)
		return elem + "[]", err
	case value.Map:
		key, err := typeName(*t.Key)
		if err != nil {
			return "", err
		}
		elem, err := typeName(*t.Elem)
		return "MAP(" + key + ", " + elem + ")", err
	case value.Row:
		fields := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			text, err := typeName(f.Type)
			if err != nil {
				return "", err
			}
			fields[i] = quote(f.Name) + " " + text
		}
		return "STRUCT(" + strings.Join(fields, ", ") + ")", nil
	case value.Null, value.IntervalYearMonth, value.IntervalDayTime, value.Raw:
	}
	return "", problem.New(problem.Unsupported, "a stored table cannot have a column of type %s", t).WithHint("cast it to another type")
}

// DeleteBefore removes the rows whose timestamp column is before a time.
func (s *Store) DeleteBefore(ctx context.Context, table string, column value.Field, before time.Time) (rows int64, err error) {
	text := "DELETE FROM " + quote(table) + " WHERE " + quote(column.Name) + " < $1"
	if column.Type.Kind == value.Timestamp {
		text = "DELETE FROM " + quote(table) + " WHERE " + quote(column.Name) + " < $1::TIMESTAMP"
	}
	defer s.moved(table)
	result, err := s.readers.ExecContext(ctx, text, before.UTC())
	if err != nil {
		return 0, fmt.Errorf("remove old rows of %s: %w", table, diskProblem(err))
	}
	return result.RowsAffected()
}
