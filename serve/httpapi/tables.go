package httpapi

import (
	"net/http"
	"sort"
	"strings"
	"time"

	"tidemark/catalog"
	"tidemark/plan"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// TableList is all tables and views.
type TableList struct {
	Tables []TableSummary `json:"tables" doc:"By name"`
}

// TableSummary is a table in a list.
type TableSummary struct {
	Name    string `json:"name"`
	Kind    string `json:"kind" enum:"table,external table,materialized table,view,system table"`
	Columns int    `json:"columns" doc:"How many"`
	Comment string `json:"comment,omitempty"`
	// How far it is settled, as GET /api/v1/progress/{table} tells at length.
	FinalUntil *time.Time `json:"final_until" doc:"What the table says about event times before this will not change; null when nothing is final"`
	BlockedBy  *string    `json:"blocked_by" doc:"Who keeps final_until from moving; null when nobody does"`
	Log        *TableLog  `json:"log,omitempty" doc:"Of a native table: its events"`
}

// Table is a table or view.
type Table struct {
	Name        string          `json:"name"`
	Kind        string          `json:"kind" enum:"table,external table,materialized table,view,system table"`
	Columns     []TableColumn   `json:"columns"`
	PrimaryKey  []string        `json:"primary_key" doc:"Columns of the key; empty without one"`
	PartitionBy []string        `json:"partitioned_by"`
	Watermark   *TableWatermark `json:"watermark,omitempty" doc:"Absent without one"`
	Comment     string          `json:"comment,omitempty"`
	Definition  string          `json:"definition" doc:"The statement that made it; values of options that name secrets are masked"`
	Upstream    []string        `json:"upstream" doc:"Tables and views it is made from, directly"`
	Downstream  []string        `json:"downstream" doc:"Tables and views made from it, directly"`
	System      []string        `json:"system_tables" doc:"Tables that come with it: its progress, its quarantine, its late rows"`
	Log         *TableLog       `json:"log,omitempty" doc:"Of a native table: its events"`
}

// TableLog is what the event log has of a table, and what keeps retention from
// removing it.
type TableLog struct {
	Events int64       `json:"events"`
	Gone   int64       `json:"gone" doc:"Events that retention has removed"`
	Bytes  int64       `json:"bytes"`
	Oldest *time.Time  `json:"oldest_at" doc:"When the oldest events came, about"`
	Holds  []TableHold `json:"holds" doc:"Who still needs events, those that need most first"`
	// Quarantined are those beside the table's own.
	Quarantined int64 `json:"quarantined" doc:"Events that could not be read and are in the table's quarantine, or were before retention removed them"`
}

// TableHold is a job, a version of a table or a savepoint that needs events.
type TableHold struct {
	By        string     `json:"by" doc:"job TABLE, or savepoint TABLE NAME"`
	Partition int        `json:"partition"`
	Behind    int64      `json:"events_behind" doc:"The held event and those after it"`
	Since     *time.Time `json:"since" doc:"When the held event came, about and not later; null while nothing is behind"`
}

// TableColumn is a column of a table.
type TableColumn struct {
	Name     string `json:"name"`
	Type     string `json:"type" doc:"As Flink prints it"`
	Computed string `json:"computed,omitempty" doc:"The expression of a computed column"`
	Metadata string `json:"metadata,omitempty" doc:"The metadata key it is read from"`
	Comment  string `json:"comment,omitempty"`
}

// TableWatermark is WATERMARK FOR column AS expression.
type TableWatermark struct {
	Column     string `json:"column"`
	Expression string `json:"expression"`
}

func (s *Server) listTables(w http.ResponseWriter, _ *http.Request) error {
	var list TableList
	now := s.config.Now()
	for _, t := range s.config.Catalog.Tables() {
		one := TableSummary{Name: t.Name, Kind: kindOf(t), Columns: len(t.Columns), Comment: t.Comment, Log: s.tableLog(t)}
		if p, reported := s.config.Board.Of(t.Name, now.UnixMilli(), now.UnixMilli(), now); reported {
			one.FinalUntil, one.BlockedBy = moment(p.FinalUntil), known(p.BlockedBy)
		}
		list.Tables = append(list.Tables, one)
	}
	sort.Slice(list.Tables, func(i, j int) bool { return list.Tables[i].Name < list.Tables[j].Name })
	return writeJSON(w, http.StatusOK, list)
}

// getTable describes a table, with its neighbours in the lineage.
func (s *Server) getTable(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("table")
	t, ok := s.config.Catalog.Table(name)
	if !ok {
		return catalog.Unknown(name, s.config.Catalog.Names())
	}
	shown := describeTable(t)
	shown.Upstream = sources(t)
	for _, other := range s.config.Catalog.Tables() {
		for _, source := range sources(other) {
			if source == name {
				shown.Downstream = append(shown.Downstream, other.Name)
			}
		}
	}
	sort.Strings(shown.Downstream)
	for _, beside := range s.config.Catalog.Tables() {
		if beside.Kind == plan.System && strings.HasPrefix(beside.Name, name+"$") {
			shown.System = append(shown.System, beside.Name)
		}
	}
	sort.Strings(shown.System)
	shown.Log = s.tableLog(t)
	return writeJSON(w, http.StatusOK, shown)
}

// tableLog is what is known of a native table's events; nil of other tables.
func (s *Server) tableLog(t *plan.Table) *TableLog {
	if s.config.TableLog == nil || t.Kind != plan.Native {
		return nil
	}
	return s.config.TableLog(t.Name)
}

func describeTable(t *plan.Table) Table {
	shown := Table{Name: t.Name, Kind: kindOf(t), PartitionBy: t.Partitions, Comment: t.Comment, Definition: catalog.Masked(t.Definition)}
	schema := t.Schema()
	for _, c := range t.Columns {
		column := TableColumn{Name: c.Name, Type: c.Type.String(), Metadata: c.Metadata, Comment: c.Comment}
		if c.Computed != nil {
			column.Computed = plan.PrintExpr(c.Computed, schema)
		}
		shown.Columns = append(shown.Columns, column)
	}
	for _, k := range t.PrimaryKey {
		shown.PrimaryKey = append(shown.PrimaryKey, t.Columns[k].Name)
	}
	if t.Watermark != nil {
		shown.Watermark = &TableWatermark{Column: t.Columns[t.Watermark.Column].Name, Expression: plan.PrintExpr(t.Watermark.Delayed, schema)}
	}
	return shown
}

// kindOf is what a table is called; external ones apart, because they hold
// nothing themselves.
func kindOf(t *plan.Table) string {
	if t.Kind == plan.External {
		return "external table"
	}
	return catalog.Noun(t.Kind)
}

// sources are the tables that a view or materialized table names, sorted. What
// WITH defines inside of the query is no table.
func sources(t *plan.Table) []string {
	if t.Query == "" {
		return nil
	}
	query, err := parse.Query(t.Query)
	if err != nil {
		return nil // the catalog holds only what was parsed before
	}
	local, seen := map[string]bool{}, map[string]bool{}
	sql.Inspect(query, func(n sql.Node) bool {
		if cte, ok := n.(*sql.CTE); ok {
			local[cte.Name.Text] = true
		}
		return true
	})
	add := func(path sql.Path) {
		if len(path) > 1 || len(path) == 1 && !local[path.Last().Text] {
			seen[path.Last().Text] = true
		}
	}
	sql.Inspect(query, func(n sql.Node) bool {
		switch n := n.(type) {
		case *sql.TableRef:
			add(n.Path)
		case *sql.TableArgument:
			add(n.Table)
		}
		return true
	})
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
