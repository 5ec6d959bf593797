package gateway

import (
	"strings"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/catalog"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/plan/lineage"
	"tidemark/plan/rewrite"
	"tidemark/sql"
	"tidemark/sql/dialect"
)

// table is a small answer that the gateway has by itself.
type table struct {
	columns []string
	rows    [][]string
}

// describe answers EXPLAIN, SHOW and DESCRIBE; false for other statements.
func (g *Gateway) describe(s sql.Statement, session bind.Session) (t table, is bool, err error) {
	switch s := s.(type) {
	case *sql.Explain:
		t, err = g.explain(s, session)
	case *sql.Show:
		t, err = g.show(s)
	case *sql.Describe:
		t, err = g.columnsOf(s)
	default:
		return t, false, nil
	}
	return t, true, err
}

// explain prints a stage of a question.
func (g *Gateway) explain(s *sql.Explain, session bind.Session) (table, error) {
	inner, ok := s.Statement.(*sql.QueryStatement)
	if !ok {
		return table{}, problem.New(problem.Unsupported, "only questions can be explained here").At(s.Statement.Pos()).WithHint("explain a SELECT")
	}
	text, err := g.stage(s.Mode, inner.Query, session)
	t := table{columns: []string{"result"}}
	for line := range strings.Lines(text) {
		t.rows = append(t.rows, []string{strings.TrimRight(line, "\n")})
	}
	return t, err
}

func (g *Gateway) stage(mode sql.ExplainMode, query *sql.Query, session bind.Session) (string, error) {
	p := &printing{gateway: g, looked: look(g.catalog), session: session}
	switch mode {
	case sql.ExplainTree:
		return catalog.Masked(dialect.Tidemark(query)), nil
	case sql.ExplainSQL:
		text, _, err := p.query(query, 0)
		return text, err
	case sql.ExplainRoute:
		return p.route(query)
	case sql.ExplainAnalyze:
		return "", problem.New(problem.Unsupported, "EXPLAIN ANALYZE is for scripts").WithHint("run it with tidemark exec; what a question here took stands in its answer's stats")
	case sql.ExplainDefault, sql.ExplainPlan, sql.ExplainLineage:
	}
	bound, err := bind.Query(g.catalog, session, query)
	if err != nil {
		return "", err
	}
	optimized, _ := rewrite.Optimize(bound.Plan)
	if mode == sql.ExplainLineage {
		return lineage.Of(optimized).String(), nil
	}
	return plan.Print(optimized), nil
}

// route tells what a question reads, and who computes it.
func (p *printing) route(query *sql.Query) (string, error) {
	by := "computed by DuckDB"
	if _, _, err := p.query(query, 0); err != nil {
		if p.beyond == nil {
			return "", err
		}
		if _, err := p.computing(query); err != nil {
			return "", err
		}
		by = "computed by the engine: " + p.beyond.Message
	}
	var out strings.Builder
	for _, name := range p.read {
		out.WriteString(name + ": hot store\n")
	}
	return out.String() + by + "\n", nil
}

// show lists what there is.
func (g *Gateway) show(s *sql.Show) (table, error) {
	kinds := map[sql.ShowKind]func(plan.TableKind) bool{
		sql.ShowTables:       func(k plan.TableKind) bool { return k != plan.System },
		sql.ShowViews:        func(k plan.TableKind) bool { return k == plan.View },
		sql.ShowMaterialized: func(k plan.TableKind) bool { return k == plan.Materialized },
	}
	if wanted, ok := kinds[s.Kind]; ok {
		t := table{columns: []string{"name", "kind"}}
		for _, name := range g.catalog.Names() {
			if of, ok := g.catalog.Table(name); ok && wanted(of.Kind) {
				t.rows = append(t.rows, []string{name, catalog.Noun(of.Kind)})
			}
		}
		return t, nil
	}
	switch s.Kind {
	case sql.ShowCreateTable, sql.ShowCreateView, sql.ShowCreateMatTable:
		of, ok := g.catalog.Table(s.Path.String())
		if !ok {
			return table{}, catalog.Unknown(s.Path.String(), g.catalog.Names()).At(s.Path.Pos())
		}
		return table{columns: []string{"definition"}, rows: [][]string{{catalog.Masked(of.Definition)}}}, nil
	case sql.ShowColumns:
		return g.columnsOf(&sql.Describe{StatementBase: s.StatementBase, Path: s.Path})
	}
	return table{}, problem.New(problem.Unsupported, "SHOW %s is not built yet", s.Kind).At(s.Pos()).WithHint("SHOW TABLES, VIEWS, MATERIALIZED TABLES, COLUMNS and CREATE TABLE are")
}

// columnsOf describes a table.
func (g *Gateway) columnsOf(s *sql.Describe) (table, error) {
	of, ok := g.catalog.Table(s.Path.String())
	if s.Kind != sql.DescribeTable || !ok {
		return table{}, catalog.Unknown(s.Path.String(), g.catalog.Names()).At(s.Path.Pos())
	}
	t := table{columns: []string{"name", "type", "key", "watermark", "comment"}}
	for i, c := range of.Columns {
		key, watermark := "", ""
		for _, k := range of.PrimaryKey {
			if k == i {
				key = "primary"
			}
		}
		if of.Watermark != nil && of.Watermark.Column == i {
			watermark = plan.PrintExpr(of.Watermark.Delayed, of.Schema())
		}
		t.rows = append(t.rows, []string{c.Name, c.Type.String(), key, watermark, c.Comment})
	}
	return t, nil
}

// pass gives a small answer to whoever asked.
func (t table) pass(answer *Answer, rows Rows) error {
	b := &batch.Batch{Rows: len(t.rows)}
	for i, name := range t.columns {
		answer.Columns = append(answer.Columns, value.Field{Name: name, Type: value.StringType})
		column := batch.NewColumn(value.StringType, len(t.rows))
		for _, row := range t.rows {
			column.AppendValue(value.OfString(row[i]))
		}
		b.Columns = append(b.Columns, column)
	}
	answer.Stats.Rows = len(t.rows)
	answer.FinalUntil = batch.NoMark
	if err := rows.Start(answer); err != nil || b.Rows == 0 {
		return err
	}
	return rows.Batch(b)
}
