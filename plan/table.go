package plan

import "tidemark/base/value"

// TableKind says where a table's rows come from.
type TableKind uint8

// The kinds of tables.
const (
	Native       TableKind = iota // rows arrive at our doors and are kept in the event log
	External                      // a connector reads or writes it
	View                          // a name for a query
	Materialized                  // kept up to date by a job
	System                        // answered by the program itself: t$progress, tidemark.jobs, …
)

// Table is the definition of a table, as the catalog keeps it and plans refer to it.
type Table struct {
	Name       string
	Kind       TableKind
	Columns    []TableColumn
	PrimaryKey []int // positions in Columns; nil when there is none
	Watermark  *WatermarkSpec
	Partitions []string // PARTITIONED BY
	Options    map[string]string
	Comment    string
	Definition string // the statement that made it, in Tidemark's canonical print
	Query      string // of views and materialized tables, the SELECT in canonical print
	Zone       string // 'table.local-time-zone' that it was defined under; "" when the session said none
	Temporary  bool
	// StoredAs is the name that its rows are stored under when that is not Name:
	// a table whose query was changed is built beside what it was.
	StoredAs string
}

// StoredName is the name that the table's rows are stored under.
func (t *Table) StoredName() string {
	if t.StoredAs != "" {
		return t.StoredAs
	}
	return t.Name
}

// TableColumn is a column of a table.
type TableColumn struct {
	Name     string
	Type     value.Type
	Computed Expr   // over the table's physical and metadata columns, numbered as in Columns; nil for stored ones
	Metadata string // the metadata key it is read from, "" for none
	Virtual  bool   // of metadata columns: not written
	Comment  string
}

// WatermarkSpec is WATERMARK FOR Column AS Delayed, over all columns of the table.
type WatermarkSpec struct {
	Column  int
	Delayed Expr
}

// Schema is the table's columns as a query sees them.
func (t *Table) Schema() Schema {
	s := make(Schema, len(t.Columns))
	for i, c := range t.Columns {
		s[i] = OutputColumn{Name: c.Name, Type: c.Type}
		if t.Watermark != nil && t.Watermark.Column == i {
			s[i].Time = Rowtime
		}
	}
	return s
}

// Column is the position of the named column, -1 when there is none.
func (t *Table) Column(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// Written gives the positions of the columns that an INSERT fills: all but
// computed and virtual ones.
func (t *Table) Written() []int {
	var written []int
	for i, c := range t.Columns {
		if c.Computed == nil && !c.Virtual {
			written = append(written, i)
		}
	}
	return written
}
