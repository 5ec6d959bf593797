package bind

import (
	"maps"
	"slices"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/sql"
)

// likeParts are the parts of a table that LIKE can leave out or let the new
// table overwrite.
var likeParts = []string{"CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS"}

// like takes over the definition of another table.
func (d *tableDraft) like(l *sql.LikeTable) {
	source, ok := findTable(d.catalog, l.Table)
	if !ok {
		d.unknownTable(l.Table)
		d.orphan = true
		return
	}
	if source.Kind == plan.View {
		d.wrong(l.Table.Pos(), problem.InvalidQuery, "use CREATE VIEW … AS SELECT * FROM "+source.Name, "%s is a view, LIKE needs a table", source.Name)
		return
	}
	d.likeOptions(l)
	kept := make([]int, len(source.Columns)) // new position of each column, -1 for none
	d.inherited = map[string]bool{}
	for i, c := range source.Columns {
		kept[i] = -1
		if c.Computed != nil && d.excluded["GENERATED"] || c.Metadata != "" && d.excluded["METADATA"] {
			continue
		}
		kept[i] = len(d.table.Columns)
		d.table.Columns = append(d.table.Columns, c)
		d.inherited[c.Name] = c.Computed != nil || c.Metadata != ""
	}
	for i, c := range d.table.Columns {
		if c.Computed != nil {
			d.table.Columns[i].Computed = d.moved(l, c.Computed, kept, "computed column "+c.Name)
		}
	}
	if !d.excluded["CONSTRAINTS"] {
		for _, at := range source.PrimaryKey {
			d.table.PrimaryKey = append(d.table.PrimaryKey, kept[at])
		}
	}
	if w := source.Watermark; w != nil && !d.excluded["WATERMARKS"] && kept[w.Column] >= 0 {
		if delayed := d.moved(l, w.Delayed, kept, "watermark"); delayed != nil {
			d.table.Watermark, d.likeWatermark = &plan.WatermarkSpec{Column: kept[w.Column], Delayed: delayed}, true
		}
	}
	if !d.excluded["PARTITIONS"] {
		d.table.Partitions = slices.Clone(source.Partitions)
	}
	if !d.excluded["OPTIONS"] {
		maps.Copy(d.table.Options, source.Options)
	}
}

// likeOptions reads INCLUDING, EXCLUDING and OVERWRITING. Without any, all is
// taken over and options may be overwritten.
func (d *tableDraft) likeOptions(l *sql.LikeTable) {
	d.excluded, d.overwrite = map[string]bool{}, map[string]bool{}
	set := func(o sql.LikeOption, what string) {
		d.excluded[what] = o.Action == "EXCLUDING"
		d.overwrite[what] = o.Action == "OVERWRITING"
	}
	for _, o := range l.Options {
		if o.What == "ALL" {
			for _, part := range likeParts {
				set(o, part)
			}
		}
	}
	for _, o := range l.Options {
		if o.What != "ALL" {
			set(o, o.What)
		}
	}
}

// moved renumbers an inherited expression; a column that it needs may have been
// left out.
func (d *tableDraft) moved(l *sql.LikeTable, e plan.Expr, kept []int, what string) plan.Expr {
	if !plan.UsesOnly(e, func(column int) bool { return kept[column] >= 0 }) {
		d.wrong(l.Pos(), problem.InvalidQuery, "leave it out too, or keep the column", "the %s of LIKE %s needs a column that is left out", what, l.Table)
		return nil
	}
	return plan.Renumber(e, kept)
}
