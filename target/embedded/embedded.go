// Package embedded runs jobs in this process: scripts to their end (Session),
// and the jobs behind stored tables for as long as the process lives (Jobs).
//
// It does not define tables and does not answer questions about stored ones.
//
// Flow of a script: a statement → bind and rewrite → the connectors of its
// tables give sources and a sink → engine/job runs to its end.
// Flow of a stored table: Keep → its topic, stored table and state are opened →
// engine/job runs, and is started again when it fails → every epoch is reported
// to the progress board.
// Flow of an upgrade: the next version is opened beside the table → it takes over the
// state of what both plans have (takeover.go) → its job reads the rest until it is as
// far → both are compared, and it becomes the table.
//
// Invariants:
//  1. A stored table, its state and its offsets belong together: when one is
//     lost, all are dropped and built again from the event log.
package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/connect/console"
	"tidemark/connect/file"
	"tidemark/connect/format"
	"tidemark/connect/generate"
	"tidemark/connect/jdbc"
	"tidemark/connect/kafka"
	"tidemark/connect/native"
	"tidemark/connect/sites"
	"tidemark/engine/job"
	"tidemark/plan"
	"tidemark/store/eventlog"
)

// connectors are all there are.
func connectors() []connect.Connector {
	return slices.Concat(console.Connectors(), []connect.Connector{file.Connector(), generate.Connector(), jdbc.Connector(), sites.Connector(kafka.Connectors()[0])}, kafka.Connectors())
}

// connectorOf finds the connector of an external table.
func connectorOf(t *plan.Table) (connect.Connector, error) {
	name := t.Options["connector"]
	var names []string
	for _, c := range connectors() {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	if name == "" {
		return connect.Connector{}, problem.New(problem.InvalidOption, "table %s has options but no 'connector'", t.Name).About("connector").WithHint("leave WITH out for a native table, or name one of %v", names)
	}
	for _, later := range []string{"mysql-cdc", "postgres-cdc", "iceberg"} {
		if later == name {
			return connect.Connector{}, problem.New(problem.Unsupported, "connector %q is not built yet", name).About("connector").WithHint("there are %v", names)
		}
	}
	p := problem.New(problem.InvalidOption, "there is no connector %q", name).About("connector").WithHint("there are %v", names)
	if near := problem.Nearest(name, names); near != "" {
		p.WithHint("did you mean %q?", near)
	}
	return connect.Connector{}, p
}

// checkOptions refuses options that connector and format do not know.
func checkOptions(t *plan.Table) error {
	c, err := connectorOf(t)
	if err != nil {
		return err
	}
	options, err := formatOptions(t)
	if err != nil {
		return err
	}
	if err := c.Check(t.Options, append(options, tableOptions...)); err != nil {
		return err
	}
	_, err = lookupSettingsOf(t)
	return err
}

// formatOptions are the options of the formats that a table names: 'format', or
// one each for keys and values, whose options have names that begin like theirs.
func formatOptions(t *plan.Table) ([]connect.Option, error) {
	var options []connect.Option
	for _, prefix := range []string{"", "key.", "value."} {
		name, given := t.Options[prefix+"format"]
		if !given {
			continue
		}
		f, err := format.ByName(name)
		if err != nil {
			return nil, err
		}
		for _, o := range f.Options {
			o.Name = prefix + o.Name
			options = append(options, o)
		}
		options = append(options, connect.Option{Name: prefix + name + ".", Prefix: true}, connect.Option{Name: prefix + "format"})
	}
	return options, nil
}

// tableOptions hold for tables of all connectors: Flink's settings of scans and
// lookups.
var tableOptions = append([]connect.Option{{Name: "scan.watermark.", Prefix: true}}, lookupOptions...)

// columnsOf turns columns of a table into those of a request.
func columnsOf(t *plan.Table, positions []int) []connect.Column {
	columns := make([]connect.Column, len(positions))
	for i, p := range positions {
		c := t.Columns[p]
		columns[i] = connect.Column{Name: c.Name, Type: c.Type, Metadata: c.Metadata}
	}
	return columns
}

// request describes columns of a table to its connector.
func request(t *plan.Table, positions []int) connect.Request {
	var physical []int
	for i, c := range t.Columns {
		if c.Computed == nil && c.Metadata == "" {
			physical = append(physical, i)
		}
	}
	r := connect.Request{Table: t.Name, Columns: columnsOf(t, positions), Schema: columnsOf(t, physical), Partitions: t.Partitions, Options: t.Options}
	for _, k := range t.PrimaryKey {
		r.Keys = append(r.Keys, t.Columns[k].Name)
		for i, p := range positions {
			if p == k {
				r.PrimaryKey = append(r.PrimaryKey, i)
			}
		}
	}
	return r
}

// sources opens the source of every scan of a plan, and tells it which fields
// the plan does not read.
func sources(n plan.Node, open func(*plan.Scan) (connect.Source, error)) (map[*plan.Scan]connect.Source, error) {
	all := map[*plan.Scan]connect.Source{}
	unread := plan.UnreadFields(n)
	var failed error
	plan.Inspect(n, func(n plan.Node) bool {
		scan, ok := n.(*plan.Scan)
		if !ok || failed != nil || all[scan] != nil {
			return failed == nil // a shared scan is met more than once
		}
		all[scan], failed = open(scan)
		if skipper, ok := all[scan].(connect.FieldSkipper); ok && failed == nil {
			skipper.SkipFields(unread[scan])
		}
		return failed == nil
	})
	return all, failed
}

// updating finds the scans whose rows may take back earlier ones.
func updating(all map[*plan.Scan]connect.Source) map[*plan.Scan]bool {
	changing := map[*plan.Scan]bool{}
	for scan := range all {
		if changes(scan.Table) {
			changing[scan] = true
		}
	}
	return changing
}

// changes reports whether the rows of a table may take back earlier ones: it is
// read from a changelog format, or they replace each other.
func changes(t *plan.Table) bool {
	if replaces(t) {
		return true
	}
	f, err := format.ByName(cmp.Or(t.Options["value.format"], t.Options["format"]))
	return err == nil && f.Changes
}

// replaces reports whether the rows of a table replace each other by key.
func replaces(t *plan.Table) bool { return t.Options["connector"] == kafka.UpsertName }

// ofKafka reports whether a table is read from a topic of Kafka.
func ofKafka(t *plan.Table) bool {
	return t.Options["connector"] == kafka.Name || t.Options["connector"] == kafka.UpsertName
}

// checkChanges refuses to tell a Kafka table of changes when its format has no
// words for them. Other connectors decide by themselves.
func checkChanges(t *plan.Table, n plan.Node) error {
	if t.Options["connector"] != kafka.Name || changes(t) || !plan.Updating(n, func(s *plan.Scan) bool { return changes(s.Table) }) {
		return nil
	}
	return problem.New(problem.InvalidQuery, "table %s takes new rows only, and the query changes rows that it has given", t.Name).
		WithHint("use the connector %s, a changelog format such as debezium-json, or a query that only adds rows", kafka.UpsertName)
}

// source opens the source of a scan in a script.
func (s *Session) source(scan *plan.Scan) (connect.Source, error) {
	r := request(scan.Table, scan.Columns)
	r.Conditions = conditionsOf(scan)
	r.Zone, r.FS, r.Bounded = s.zone, s.options.Files, !s.options.Streaming
	var source connect.Source
	var err error
	switch scan.Table.Kind {
	case plan.Native:
		var topic *eventlog.Topic
		if topic, err = s.log.Topic(scan.Table.Name); err == nil {
			r.Bounded = true // a script reads what its earlier statements wrote
			source, err = native.NewSource(topic, r)
		}
	case plan.External:
		var c connect.Connector
		if c, err = connectorOf(scan.Table); err != nil {
			return nil, err
		}
		if c.Source == nil {
			return nil, problem.New(problem.InvalidQuery, "connector %q has no rows to read", c.Name).WithHint("it can only be written to")
		}
		source, err = c.Source(r)
	case plan.View, plan.Materialized, plan.System:
		return nil, problem.New(problem.Unsupported, "table %s cannot be read by a script", scan.Table.Name).WithHint("ask a server with tidemark sql")
	}
	if err == nil && s.options.BatchRows > 0 {
		source = cutting{source, s.options.BatchRows}
	}
	return source, err
}

// sink opens the sink of an INSERT, or of rows that are set aside.
func (s *Session) sink(t *plan.Table, upserts bool) (connect.Sink, error) {
	r := request(t, t.Written())
	r.Upserts = upserts
	r.Zone, r.FS, r.Stdout, r.Bounded = s.zone, s.options.Files, s.options.Stdout, true
	s.inserts++
	r.Job = fmt.Sprintf("script-%d", s.inserts)
	checked := func(sink connect.Sink, err error) (connect.Sink, error) {
		if err != nil {
			return nil, err
		}
		return requiring(sink, t.Name, r.Columns), nil
	}
	if t.Kind == plan.Native {
		topic, err := s.log.Topic(t.Name)
		if err != nil {
			return nil, err
		}
		return checked(native.NewLogSink(topic, r))
	}
	return checked(externalSink(t, r))
}

// externalSink opens the sink of an external table.
func externalSink(t *plan.Table, r connect.Request) (connect.Sink, error) {
	c, err := connectorOf(t)
	if err != nil {
		return nil, err
	}
	if c.Sink == nil {
		return nil, problem.New(problem.InvalidQuery, "connector %q takes no rows", c.Name).WithHint("it can only be read")
	}
	return c.Sink(r)
}

// run runs a plan into a sink until its sources end. upserts says that the sink
// needs no row before an update.
func (s *Session) run(ctx context.Context, n plan.Node, sink connect.Sink, upserts bool) (err error) {
	from, err := sources(n, s.source)
	if err != nil {
		return err
	}
	asked, err := lookups(n, s.lookup)
	defer func() { err = errors.Join(err, asked.close()) }()
	if err != nil {
		return err
	}
	expired, err := expiredSinks(n, func(t *plan.Table) (connect.Sink, error) { return s.sink(t, false) })
	defer func() { err = errors.Join(err, expired.close()) }()
	if err != nil {
		return err
	}
	now := s.binding().Now
	spec := job.Spec{
		Name: "script", Plan: n, Sources: from, Updating: updating(from), Lookups: asked, Expired: expired, Sink: sink, Upserts: upserts, Parallelism: s.options.Parallelism, MemoryBudget: s.memory,
		SpillBatches: s.options.SpillBatches,
		Context:      plan.Context{Zone: s.zone, Now: now, Start: now, Streaming: s.options.Streaming},
	}
	if s.options.Streaming {
		spec.FlushBatches = s.options.FlushBatches
		if spec.FlushBatches == 0 && s.options.Parallelism <= 1 {
			spec.FlushBatches = 1
		}
	}
	j, err := job.New(spec)
	if err != nil {
		return err
	}
	err = j.Run(ctx)
	s.charge(n, j)
	return err
}

// answer is the sink of a query: it hands rows to whoever asked.
type answer struct {
	rows  func(*batch.Batch) error
	epoch connect.Epoch
}

// Committed is the last epoch handed over.
func (a *answer) Committed(context.Context) (connect.Epoch, error) { return a.epoch, nil }

// Apply hands rows over.
func (a *answer) Apply(_ context.Context, c connect.Commit) error {
	a.epoch = c.Epoch
	for _, b := range c.Batches {
		if err := a.rows(b); err != nil {
			return err
		}
	}
	return nil
}

// Close does nothing.
func (a *answer) Close() error { return nil }
