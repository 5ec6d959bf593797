package bind

import (
	"fmt"
	"slices"
	"strings"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// nativeOptions are the options of tables that have no connector: their rows
// come in through our own doors. Those that begin with lookup. are checked by
// whoever looks them up, those of a value.format by who reads it.
var nativeOptions = []string{"retention", "quarantine", "partitions", "stored", "value.format", "quota.events", "quota.bytes", "tenant", "backlog"}

// Table binds CREATE TABLE. The definition text is left to the caller.
func Table(catalog Catalog, session Session, c *sql.CreateTable) (*plan.Table, error) {
	b := newBinder(catalog, session)
	d := &tableDraft{binder: b, table: &plan.Table{Name: c.Name.String(), Temporary: c.Temporary, Options: map[string]string{}}}
	if c.Comment != nil {
		d.table.Comment = c.Comment.Text
	}
	if c.Like != nil {
		d.like(c.Like)
	}
	d.elements(c.Elements)
	if c.As != nil {
		if node := b.query(c.As, nil); node != nil {
			d.columnsOf(node, c.ColumnNames)
		}
	}
	d.partitions(c.PartitionBy)
	d.options(c.With)
	d.kind(c)
	if len(d.table.Columns) == 0 && len(b.found) == 0 {
		b.wrong(c.Name.Pos(), problem.InvalidQuery, "list its columns: CREATE TABLE "+c.Name.String()+" (id BIGINT)", "table %s has no columns", c.Name)
	}
	if err := b.problems(); err != nil {
		return nil, err
	}
	return d.table, nil
}

// tableDraft is a table while its definition is bound.
type tableDraft struct {
	*binder
	table *plan.Table

	// Of LIKE.
	orphan        bool            // the other table cannot be read
	inherited     map[string]bool // columns taken over; true for those that can be overwritten
	likeWatermark bool            // the watermark was taken over
	overwrite     map[string]bool // parts that may be overwritten
	excluded      map[string]bool // parts that are left out
}

// elements binds the column list: first all stored columns, so that computed
// ones may stand before those they use, then the rest.
func (d *tableDraft) elements(list []sql.TableElement) {
	computed := map[int]*sql.ComputedColumn{}
	for _, element := range list {
		switch e := element.(type) {
		case *sql.PhysicalColumn:
			at := d.add(e.Name, plan.TableColumn{Name: e.Name.Text, Type: e.Type.Type, Comment: text(e.Comment)})
			if e.PrimaryKey && at >= 0 {
				d.primaryKey([]sql.Name{e.Name})
			}
		case *sql.MetadataColumn:
			key := e.Name.Text
			if e.From != nil {
				key = e.From.Text
			}
			d.add(e.Name, plan.TableColumn{Name: e.Name.Text, Type: e.Type.Type, Metadata: key, Virtual: e.Virtual, Comment: text(e.Comment)})
		case *sql.ComputedColumn:
			if at := d.add(e.Name, plan.TableColumn{Name: e.Name.Text, Comment: text(e.Comment)}); at >= 0 {
				computed[at] = e
			}
		case *sql.PrimaryKey, *sql.WatermarkElement:
		}
	}
	for at := range d.table.Columns {
		if e := computed[at]; e != nil {
			d.compute(at, e, computed)
		}
	}
	for _, element := range list {
		switch e := element.(type) {
		case *sql.PrimaryKey:
			d.constraint(e)
		case *sql.WatermarkElement:
			d.watermark(e)
		case *sql.PhysicalColumn, *sql.MetadataColumn, *sql.ComputedColumn:
		}
	}
}

func text(s *sql.StringValue) string {
	if s == nil {
		return ""
	}
	return s.Text
}

// add appends a column and gives its position, -1 when the name is taken.
func (d *tableDraft) add(name sql.Name, c plan.TableColumn) int {
	if at := d.table.Column(c.Name); at >= 0 {
		if !d.inherited[c.Name] || !d.overwrite["GENERATED"] && !d.overwrite["METADATA"] {
			d.wrong(name.Pos(), problem.AlreadyExists, "rename one of them", "column %s is there twice", c.Name)
			return -1
		}
		delete(d.inherited, c.Name)
		d.table.Columns[at] = c
		return at
	}
	d.table.Columns = append(d.table.Columns, c)
	return len(d.table.Columns) - 1
}

// compute binds the expression of a computed column, over stored columns only.
func (d *tableDraft) compute(at int, e *sql.ComputedColumn, computed map[int]*sql.ComputedColumn) {
	s := &scope{clause: "a computed column"}
	for i, c := range d.table.Columns {
		if computed[i] == nil && c.Computed == nil {
			s.relations = append(s.relations, relation{name: d.table.Name, first: i, columns: plan.Schema{{Name: c.Name, Type: c.Type}}})
		}
	}
	// A name that is no stored column but a computed one deserves its own words.
	missing := false
	sql.Inspect(e.Expr, func(n sql.Node) bool {
		if ref, ok := n.(*sql.ColumnRef); ok && len(s.find(ref.Path)) == 0 {
			if i := d.table.Column(ref.Path[0].Text); i >= 0 {
				d.wrong(ref.Pos(), problem.InvalidQuery, "repeat its expression, or compute it in a view", "a computed column cannot use the computed column %s", ref.Path[0].Text)
				missing = true
			}
		}
		return true
	})
	if missing {
		return
	}
	bound := d.expr(e.Expr, s)
	if bound == nil {
		return
	}
	if bound.Type().Kind == value.Null {
		d.untypedNull(bound)
		return
	}
	d.table.Columns[at].Computed, d.table.Columns[at].Type = bound, bound.Type()
}

// constraint binds PRIMARY KEY (…).
func (d *tableDraft) constraint(e *sql.PrimaryKey) {
	switch {
	case e.Unique:
		d.unsupported(e.Pos(), "UNIQUE", "PRIMARY KEY (…) NOT ENFORCED says by which columns rows replace each other")
	case e.Enforced:
		d.wrong(e.Pos(), problem.Unsupported, "write PRIMARY KEY (…) NOT ENFORCED", "a primary key over data from outside cannot be enforced")
	default:
		d.primaryKey(e.Columns)
	}
}

func (d *tableDraft) primaryKey(columns []sql.Name) {
	if d.table.PrimaryKey != nil {
		d.wrong(columns[0].Pos(), problem.InvalidQuery, "name all its columns in one PRIMARY KEY (…) NOT ENFORCED", "table %s has two primary keys", d.table.Name)
		return
	}
	for _, name := range columns {
		at := d.column(name)
		if at < 0 {
			continue
		}
		c := &d.table.Columns[at]
		switch {
		case c.Computed != nil || c.Metadata != "":
			d.wrong(name.Pos(), problem.InvalidQuery, "use a column that is stored with the row", "%s cannot be in the primary key: it is no physical column", name.Text)
		case slices.Contains(d.table.PrimaryKey, at):
			d.wrong(name.Pos(), problem.InvalidQuery, "remove one", "%s is in the primary key twice", name.Text)
		default:
			d.table.PrimaryKey = append(d.table.PrimaryKey, at)
			c.Type = c.Type.Required()
		}
	}
}

// column finds a column by name, -1 after a problem.
func (d *tableDraft) column(name sql.Name) int {
	at := d.table.Column(name.Text)
	if at < 0 {
		names := d.columnNames()
		d.wrong(name.Pos(), problem.UnknownColumn, didYouMean(name.Text, names, "its columns are "+listed(names)), "table %s has no column %s", d.table.Name, name.Text)
	}
	return at
}

func (d *tableDraft) columnNames() []string {
	names := make([]string, len(d.table.Columns))
	for i, c := range d.table.Columns {
		names[i] = c.Name
	}
	return names
}

// watermark binds WATERMARK FOR column AS expression.
func (d *tableDraft) watermark(e *sql.WatermarkElement) {
	if d.table.Watermark != nil && !(d.likeWatermark && d.overwrite["WATERMARKS"]) {
		d.wrong(e.Pos(), problem.InvalidQuery, "remove one", "table %s has two watermarks", d.table.Name)
		return
	}
	if len(e.Column) > 1 {
		d.wrong(e.Column.Pos(), problem.Unsupported, "add a computed column: rt AS "+e.Column.String()+", and WATERMARK FOR rt", "a watermark needs a column, not a field of one")
		return
	}
	at := d.column(e.Column[0])
	if at < 0 {
		return
	}
	c := d.table.Columns[at]
	if c.Type.Kind == value.Null {
		return // its expression was wrong
	}
	if !c.Type.IsTimestamp() || c.Type.Precision > 3 {
		d.wrong(e.Column.Pos(), problem.TypeMismatch, "make it TIMESTAMP(3) or TIMESTAMP_LTZ(3), or add a computed column: rt AS TO_TIMESTAMP("+c.Name+")",
			"a watermark needs a TIMESTAMP of at most 3 digits, but %s is %s", c.Name, c.Type.Optional())
		return
	}
	s := &scope{clause: "WATERMARK"}
	s.relations = []relation{{name: d.table.Name}}
	for _, c := range d.table.Columns {
		s.relations[0].columns = append(s.relations[0].columns, plan.OutputColumn{Name: c.Name, Type: c.Type})
	}
	delayed := d.expr(e.Expr, s)
	if delayed == nil {
		return
	}
	if call, ok := delayed.(*plan.Call); ok && call.Function.Name == "SOURCE_WATERMARK" {
		d.unsupported(e.Expr.Pos(), "SOURCE_WATERMARK()", "write the greatest delay: "+c.Name+" - INTERVAL '5' SECOND")
		return
	}
	if delayed.Type().Kind != c.Type.Kind || delayed.Type().Precision > 3 {
		d.wrong(e.Expr.Pos(), problem.TypeMismatch, fmt.Sprintf("write %s - INTERVAL '5' SECOND", c.Name),
			"the watermark is %s, but %s is %s", delayed.Type().Optional(), c.Name, c.Type.Optional())
		return
	}
	d.table.Watermark, d.likeWatermark = &plan.WatermarkSpec{Column: at, Delayed: delayed}, false
}

// columnsOf takes over the columns of CREATE TABLE … AS query.
func (d *tableDraft) columnsOf(node plan.Node, names []sql.Name) {
	s := node.Schema()
	if len(names) > 0 && len(names) != len(s) {
		d.wrong(names[0].Pos(), problem.InvalidQuery, "name each of them", "the query has %s, not %d", counted(len(s), "column"), len(names))
		return
	}
	for i, c := range s {
		if len(names) > 0 {
			c.Name = names[i].Text
		}
		if d.table.Column(c.Name) < 0 {
			d.table.Columns = append(d.table.Columns, plan.TableColumn{Name: c.Name, Type: c.Type})
		}
	}
}

func (d *tableDraft) partitions(names []sql.Name) {
	if len(names) > 0 {
		d.table.Partitions = nil
	}
	for _, name := range names {
		if d.column(name) >= 0 {
			d.table.Partitions = append(d.table.Partitions, name.Text)
		}
	}
}

func (d *tableDraft) options(list []*sql.Option) {
	seen := map[string]bool{}
	for _, o := range list {
		if seen[o.Key.Text] {
			d.wrong(o.Key.Pos(), problem.InvalidOption, "remove one", "option '%s' is there twice", o.Key.Text)
		}
		seen[o.Key.Text] = true
		d.table.Options[o.Key.Text] = o.Value.Text
	}
}

// kind tells native tables from those of a connector.
func (d *tableDraft) kind(c *sql.CreateTable) {
	if _, ok := d.table.Options["connector"]; ok {
		d.table.Kind = plan.External
		return
	}
	d.table.Kind = plan.Native
	if d.orphan {
		return
	}
	ofValues := "lookup."
	if name := d.table.Options["value.format"]; name != "" {
		ofValues = name + "."
	}
	for _, o := range c.With {
		if !slices.Contains(nativeOptions, o.Key.Text) && !strings.HasPrefix(o.Key.Text, "lookup.") && !strings.HasPrefix(o.Key.Text, ofValues) {
			d.wrong(o.Key.Pos(), problem.InvalidOption,
				"add 'connector' = 'filesystem', or another one; without WITH the rows arrive over HTTP and the Kafka door",
				"table %s has the option '%s' but no 'connector'", c.Name, o.Key.Text)
			return
		}
	}
}
