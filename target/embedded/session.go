package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/plan"
	"tidemark/plan/advice"
	"tidemark/plan/bind"
	"tidemark/plan/function"
	"tidemark/plan/lineage"
	"tidemark/plan/rewrite"
	"tidemark/sql"
	"tidemark/sql/dialect"
	"tidemark/store/eventlog"
)

// SessionOptions is how a script is run.
type SessionOptions struct {
	Streaming   bool
	Parallelism int    // 0: one worker
	Data        string // folder for native tables; made when first needed
	Files       vfs.FS
	Stdout      func([]byte)      // for the print connector
	Config      map[string]string // settings that hold from the start
	BatchRows   int               // most rows in a batch of a source; 0 for batch.MaxRows
	// FlushBatches is after how many batches a streaming query shows its changes;
	// 0: after each with one worker, at epochs with several.
	FlushBatches int
	// SpillBatches is after how many batches state goes to files, however much it
	// is; 0: when memory is full.
	SpillBatches int
}

// Session runs the statements of a script, one after the other, without a
// server. It is used by one goroutine.
type Session struct {
	options SessionOptions
	catalog *catalog.Catalog
	config  map[string]string
	zone    *time.Location
	memory  int64 // bytes, of memorySetting; 0 for the engine's default
	places  *places
	log     *eventlog.Log // opened with the first native table
	inserts int
	expired int64 // keys, of all jobs that have ended
	costs   []JobCost
}

// NewSession starts a session with an empty catalog.
func NewSession(options SessionOptions) *Session {
	s := &Session{options: options, catalog: catalog.New(nil), config: map[string]string{}, zone: time.UTC, places: newPlaces()}
	if options.Files == nil {
		s.options.Files = vfs.OS()
	}
	for key, text := range options.Config {
		s.config[key] = text
	}
	return s
}

// Close closes what the session opened; it leaves the data folder to the caller.
func (s *Session) Close() error {
	if s.log == nil {
		return nil
	}
	return s.log.Close()
}

// Results receives what statements answer. Start is called once per statement
// that has an answer; rows follow, as changes.
type Results struct {
	Start func(plan.Schema) error
	Rows  func(*batch.Batch) error
}

// Execute runs one statement to its end.
func (s *Session) Execute(ctx context.Context, statement sql.Statement, results Results) error {
	if is, err := s.placing(statement); is {
		return err
	}
	if err := s.places.settle(statement); err != nil {
		return err
	}
	if catalog.Defines(statement) {
		return s.define(ctx, statement)
	}
	switch st := statement.(type) {
	case *sql.Set:
		return s.set(st, results)
	case *sql.Reset:
		return s.reset(st)
	case *sql.QueryStatement:
		return s.query(ctx, st.Query, results)
	case *sql.Insert:
		return s.insert(ctx, st)
	case *sql.StatementSet:
		for _, insert := range st.Inserts {
			if err := s.insert(ctx, insert); err != nil {
				return err
			}
		}
		return nil
	case *sql.Explain:
		if st.Mode == sql.ExplainAnalyze {
			return s.analyze(ctx, st, results)
		}
		return s.explain(st, results)
	case *sql.Show:
		return s.show(st, results)
	case *sql.Describe:
		return s.describe(st, results)
	}
	return problem.New(problem.Unsupported, "a script cannot run this statement").At(statement.Pos()).WithHint("scripts define, insert, ask, EXPLAIN, SHOW and DESCRIBE")
}

// binding is the session as the binder sees it.
func (s *Session) binding() bind.Session {
	return bind.Session{
		Zone: s.zone, Streaming: s.options.Streaming, Now: time.Now(), Config: s.config, Expand: true, Changing: changes, Replacing: replaces,
		ReadFile: func(path string) ([]byte, error) { return vfs.ReadFile(s.options.Files, path) },
	}
}

func (s *Session) set(st *sql.Set, results Results) error {
	if st.Key == nil {
		var rows [][]string
		for key, text := range s.config {
			rows = append(rows, []string{key, text})
		}
		sort.Slice(rows, func(i, j int) bool { return rows[i][0] < rows[j][0] })
		return table(results, []string{"key", "value"}, rows)
	}
	key, text := st.Key.Text, st.Value.Text
	switch key {
	case "table.local-time-zone":
		zone, err := time.LoadLocation(text)
		if err != nil || text == "" {
			return problem.New(problem.InvalidOption, "there is no time zone %q", text).At(st.Value.Pos()).WithHint("use a name such as Asia/Shanghai or UTC")
		}
		s.zone = zone
	case bind.TTLSetting:
		if _, err := bind.TTL(key, text); err != nil {
			return placed(err, st.Value)
		}
	case bind.LateRowsSetting:
		if _, err := bind.DropsLateRows(text); err != nil {
			return placed(err, st.Value)
		}
	case memorySetting:
		memory, err := ParseMemory(text)
		if err != nil {
			return placed(err, st.Value)
		}
		s.memory = memory
	case "execution.runtime-mode":
		switch strings.ToLower(text) {
		case "streaming":
			s.options.Streaming = true
		case "batch":
			s.options.Streaming = false
		default:
			return problem.New(problem.InvalidOption, "execution.runtime-mode is %q", text).At(st.Value.Pos()).WithHint("use streaming or batch")
		}
	}
	s.config[key] = text
	return nil
}

func (s *Session) reset(st *sql.Reset) error {
	if st.Key == nil {
		s.config, s.zone, s.memory = map[string]string{}, time.UTC, 0
		return nil
	}
	delete(s.config, st.Key.Text)
	switch st.Key.Text {
	case "table.local-time-zone":
		s.zone = time.UTC
	case memorySetting:
		s.memory = 0
	}
	return nil
}

func (s *Session) define(ctx context.Context, statement sql.Statement) error {
	change, err := s.catalog.Apply(ctx, s.binding(), statement)
	if err != nil || change.Table == nil {
		return err
	}
	if change.Created && change.Table.Kind == plan.External {
		if err := checkOptions(change.Table); err != nil {
			_, dropErr := s.catalog.Drop(ctx, change.Name, plan.External, true)
			return errors.Join(placed(err, statement), dropErr)
		}
	}
	if change.Table.Kind != plan.Native {
		return nil
	}
	if change.Dropped && s.log != nil {
		return s.log.DropTopic(change.Name)
	}
	if change.Created {
		if s.log == nil {
			if s.log, err = eventlog.Open(s.options.Files, filepath.Join(s.options.Data, "log"), eventlog.Options{}); err != nil {
				return err
			}
		}
		if _, err := s.log.Topic(change.Name); problem.Is(err, problem.NotFound) {
			_, err = s.log.CreateTopic(change.Name, 1)
			return err
		}
	}
	return nil
}

// placed gives a problem without position that of the statement.
func placed(err error, n sql.Node) error {
	if p := problem.Of(err); p != nil && p.Position.IsZero() && p.Code != problem.Internal {
		copied := *p
		return copied.At(n.Pos())
	}
	return err
}

// optimized is the plan that runs, with what the settings say of joins, and the
// rules that improved it.
func (s *Session) optimized(n plan.Node) (optimized plan.Node, fired []string, err error) {
	optimized, fired = rewrite.Optimize(n)
	drops, err := bind.DropsLateRows(s.config[bind.LateRowsSetting])
	if err == nil && drops && s.options.Streaming {
		optimized = rewrite.DropLate(optimized)
	}
	return optimized, fired, err
}

func (s *Session) query(ctx context.Context, q *sql.Query, results Results) error {
	bound, err := bind.Query(s.catalog, s.binding(), q)
	if err != nil {
		return err
	}
	optimized, _, err := s.optimized(bound.Plan)
	if err != nil {
		return placed(err, q)
	}
	if err := results.Start(optimized.Schema()); err != nil {
		return err
	}
	return placed(s.run(ctx, optimized, &answer{rows: results.Rows}, false), q)
}

func (s *Session) insert(ctx context.Context, st *sql.Insert) error {
	node, t, err := bind.Insert(s.catalog, s.binding(), st)
	if err != nil {
		return err
	}
	optimized, _, err := s.optimized(node)
	if err != nil {
		return placed(err, st)
	}
	if s.options.Streaming {
		if err := checkChanges(t, optimized); err != nil {
			return placed(err, st)
		}
	}
	upserts := takesUpserts(t, request(t, t.Written()), optimized)
	sink, err := s.sink(t, upserts)
	if err != nil {
		return placed(err, st)
	}
	defer sink.Close() //nolint:errcheck // what it holds was applied before
	return placed(s.run(ctx, optimized, sink, upserts), st)
}

func (s *Session) explain(st *sql.Explain, results Results) error {
	var node plan.Node
	var into *plan.Table // of an INSERT
	switch inner := st.Statement.(type) {
	case *sql.QueryStatement:
		bound, err := bind.Query(s.catalog, s.binding(), inner.Query)
		if err != nil {
			return err
		}
		node = bound.Plan
	case *sql.Insert:
		inserted, t, err := bind.Insert(s.catalog, s.binding(), inner)
		if err != nil {
			return err
		}
		node, into = inserted, t
	default:
		return problem.New(problem.Unsupported, "this statement cannot be explained").At(st.Statement.Pos()).WithHint("EXPLAIN a query or an INSERT")
	}
	optimized, fired, err := s.optimized(node)
	if err != nil {
		return placed(err, st)
	}
	var text string
	switch st.Mode {
	case sql.ExplainTree:
		text = catalog.Masked(dialect.Tidemark(st.Statement))
	case sql.ExplainLineage:
		text = lineage.Of(optimized).String()
	case sql.ExplainDefault, sql.ExplainPlan:
		notes := func(plan.Node) []string { return nil }
		if s.options.Streaming && slices.Contains(st.Details, "CHANGELOG_MODE") {
			notes = changelogNotes(optimized, into != nil && takesUpserts(into, request(into, into.Written()), optimized))
		}
		text = plan.PrintWith(optimized, notes)
		if len(fired) > 0 {
			text += "rules: " + strings.Join(fired, ", ") + "\n"
		}
		if s.options.Streaming {
			text += advice.Of(optimized, func(*plan.Table) (float64, bool) { return 0, false }).String()
		}
	case sql.ExplainRoute, sql.ExplainSQL, sql.ExplainAnalyze:
		return problem.New(problem.Unsupported, "EXPLAIN %s needs a server", st.Mode).At(st.Pos()).WithHint("ask it with tidemark sql")
	}
	return table(results, []string{"result"}, [][]string{{strings.TrimRight(text, "\n")}})
}

func (s *Session) show(st *sql.Show, results Results) error {
	var rows [][]string
	add := func(name string) { rows = append(rows, []string{name}) }
	switch st.Kind {
	case sql.ShowTables, sql.ShowViews, sql.ShowMaterialized:
		names := s.tablesIn(s.places.catalog, s.places.database)
		for _, name := range names {
			t, _ := s.catalog.Table(short(s.places.full(sql.PathOf(name))).String())
			if st.Kind == sql.ShowTables || st.Kind == sql.ShowViews && t.Kind == plan.View || st.Kind == sql.ShowMaterialized && t.Kind == plan.Materialized {
				add(name)
			}
		}
	case sql.ShowUserFunctions:
		for _, name := range s.catalog.Functions() {
			add(name)
		}
	case sql.ShowFunctions:
		for _, name := range append(function.Names(), s.catalog.Functions()...) {
			add(name)
		}
		sort.Slice(rows, func(i, j int) bool { return rows[i][0] < rows[j][0] })
	case sql.ShowCreateTable, sql.ShowCreateView, sql.ShowCreateMatTable:
		t, ok := s.catalog.Table(short(s.places.full(st.Path)).String())
		if !ok {
			return catalog.Unknown(st.Path.String(), s.catalog.Names()).At(st.Path.Pos())
		}
		add(catalog.Masked(t.Definition))
	case sql.ShowColumns:
		return s.describe(&sql.Describe{StatementBase: st.StatementBase, Path: st.Path}, results)
	case sql.ShowCatalogs:
		for _, name := range sortedKeys(s.places.databases) {
			add(name)
		}
	case sql.ShowCurrentCatalog:
		add(s.places.catalog)
	case sql.ShowDatabases:
		for _, name := range sortedKeys(s.places.databases[s.places.catalog]) {
			add(name)
		}
	case sql.ShowCurrentDatabase:
		add(s.places.database)
	case sql.ShowJobs, sql.ShowModules, sql.ShowPartitions, sql.ShowCreateFunction:
		return problem.New(problem.Unsupported, "SHOW %s is not built yet", st.Kind).At(st.Pos())
	}
	return table(results, []string{strings.ToLower(strings.TrimSuffix(string(st.Kind), "S")) + " name"}, rows)
}

func (s *Session) describe(st *sql.Describe, results Results) error {
	if st.Kind != sql.DescribeTable {
		return problem.New(problem.Unsupported, "DESCRIBE %s is not built yet", st.Kind).At(st.Pos())
	}
	t, ok := s.catalog.Table(short(s.places.full(st.Path)).String())
	if !ok {
		return catalog.Unknown(st.Path.String(), s.catalog.Names()).At(st.Path.Pos())
	}
	var rows [][]string
	for i, c := range t.Columns {
		key, extras, watermark := "", "", ""
		for _, k := range t.PrimaryKey {
			if k == i {
				key = "PRI"
			}
		}
		if c.Computed != nil {
			extras = "AS " + plan.PrintExpr(c.Computed, t.Schema())
		} else if c.Metadata != "" {
			extras = "METADATA FROM '" + c.Metadata + "'"
		}
		if t.Watermark != nil && t.Watermark.Column == i {
			watermark = plan.PrintExpr(t.Watermark.Delayed, t.Schema())
		}
		rows = append(rows, []string{c.Name, c.Type.Optional().String(), fmt.Sprint(!c.Type.NotNull), key, extras, watermark})
	}
	return table(results, []string{"name", "type", "null", "key", "extras", "watermark"}, rows)
}

// table answers with texts.
func table(results Results, columns []string, rows [][]string) error {
	var schema plan.Schema
	b := &batch.Batch{}
	for _, name := range columns {
		schema = append(schema, plan.OutputColumn{Name: name, Type: value.StringType})
		b.Columns = append(b.Columns, batch.NewColumn(value.StringType, len(rows)))
	}
	if err := results.Start(schema); err != nil {
		return err
	}
	for _, row := range rows {
		for i, text := range row {
			b.Columns[i].AppendValue(value.OfString(text))
		}
		if b.Rows++; b.Rows == batch.MaxRows {
			if err := results.Rows(b); err != nil {
				return err
			}
			next := &batch.Batch{}
			for range columns {
				next.Columns = append(next.Columns, batch.NewColumn(value.StringType, 0))
			}
			b = next
		}
	}
	return results.Rows(b)
}

// ExpiredKeys is how many keys its statements asked for after their state had
// expired, at least.
func (s *Session) ExpiredKeys() int64 { return s.expired }

// Zone is the session's time zone.
func (s *Session) Zone() *time.Location { return s.zone }
