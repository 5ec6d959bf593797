package embedded

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/catalog"
	"tidemark/connect"
	"tidemark/connect/lookup"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/store/olap"
	"tidemark/target"
)

// Options of a table for those who look it up.
const (
	lookupCache         = "lookup.cache"
	lookupReloading     = "lookup.full-cache.reload-strategy"
	lookupReload        = "lookup.full-cache.periodic-reload.interval"
	lookupReloadMode    = "lookup.full-cache.periodic-reload.schedule-mode"
	lookupRowsMax       = "lookup.partial-cache.max-rows"
	lookupAfterWrite    = "lookup.partial-cache.expire-after-write"
	lookupAfterAccess   = "lookup.partial-cache.expire-after-access"
	lookupCachesMissing = "lookup.partial-cache.cache-missing-key"
)

// lookupOptions are the options of a table for those who look it up.
var lookupOptions = []connect.Option{
	{Name: lookupCache, Doc: "FULL reads the table once, PARTIAL keeps what was asked for, NONE asks every time", Values: []string{"NONE", "PARTIAL", "FULL"}},
	{Name: lookupReloading, Doc: "PERIODIC, the only one there is", Values: []string{"PERIODIC"}},
	{Name: lookupReload, Doc: "after how long a table that was read as a whole is read again"},
	{Name: lookupReloadMode, Doc: "FIXED_DELAY, the only one there is: the interval begins when the table was read", Values: []string{"FIXED_DELAY"}},
	{Name: lookupRowsMax, Doc: "most rows in a partial cache"},
	{Name: lookupAfterWrite, Doc: "how long a partial cache keeps what it was told"},
	{Name: lookupAfterAccess, Doc: "how long a partial cache keeps what nobody asks for"},
	{Name: lookupCachesMissing, Doc: "whether a partial cache keeps that there is no row", Values: []string{"true", "false"}},
}

// lookupSettings is what a table's options say about looking it up.
type lookupSettings struct {
	cache  string // "" when nothing is said
	reload time.Duration
	part   lookup.CacheOptions
}

// lookupSettingsOf reads the options of a table.
func lookupSettingsOf(t *plan.Table) (s lookupSettings, err error) {
	s.part = lookup.CacheOptions{RowsMax: lookup.CachedMax, Missing: true}
	for name, text := range t.Options {
		if !strings.HasPrefix(name, "lookup.") {
			continue
		}
		known := slices.IndexFunc(lookupOptions, func(o connect.Option) bool { return o.Name == name })
		if known < 0 && ofConnector(t, name) {
			continue
		}
		if known < 0 {
			return s, unknownLookupOption(t, name)
		}
		if allowed := lookupOptions[known].Values; allowed != nil && !slices.Contains(allowed, text) {
			return s, problem.New(problem.InvalidOption, "option %q cannot be %q", name, text).About(name).WithHint("allowed: %v", allowed)
		}
		switch name {
		case lookupCache:
			s.cache = text
		case lookupReload:
			s.reload, err = positiveDuration(name, text)
		case lookupAfterWrite:
			s.part.AfterWrite, err = positiveDuration(name, text)
		case lookupAfterAccess:
			s.part.AfterAccess, err = positiveDuration(name, text)
		case lookupRowsMax:
			if s.part.RowsMax, err = strconv.Atoi(text); err != nil || s.part.RowsMax <= 0 {
				err = problem.New(problem.InvalidOption, "option %q cannot be %q", name, text).About(name).WithHint("write a number of rows")
			}
		case lookupCachesMissing:
			s.part.Missing = text == "true"
		}
		if err != nil {
			return s, err
		}
	}
	return s, s.fits(t)
}

// fits refuses options of another cache than the table's, which would have no
// effect.
func (s lookupSettings) fits(t *plan.Table) error {
	for name := range t.Options {
		for prefix, cache := range map[string]string{"lookup.partial-cache.": "PARTIAL", "lookup.full-cache.": "FULL"} {
			if strings.HasPrefix(name, prefix) && s.cache != cache {
				return problem.New(problem.InvalidOption, "option %q has no effect", name).About(name).WithHint("add '%s' = '%s'", lookupCache, cache)
			}
		}
	}
	return nil
}

// ofConnector reports whether an option is one of the connector's own.
func ofConnector(t *plan.Table, name string) bool {
	if t.Kind != plan.External {
		return false
	}
	c, err := connectorOf(t)
	return err == nil && slices.ContainsFunc(c.Options, func(o connect.Option) bool { return o.Name == name })
}

func unknownLookupOption(t *plan.Table, name string) error {
	names := make([]string, len(lookupOptions))
	for i, o := range lookupOptions {
		names[i] = o.Name
	}
	p := problem.New(problem.UnknownOption, "table %s has no option %q", t.Name, name).About(name)
	if near := problem.Nearest(name, names); near != "" {
		p.WithHint("did you mean %q?", near)
	}
	return p
}

func positiveDuration(name, text string) (time.Duration, error) {
	d, ok := bind.Duration(text)
	if !ok || d <= 0 {
		return 0, problem.New(problem.InvalidOption, "option %q cannot be %q", name, text).About(name).WithHint("write a duration such as '10 min'")
	}
	return d, nil
}

// lookups opens what every lookup join of a plan asks. Whoever runs the plan
// closes it.
func lookups(n plan.Node, open func(*plan.LookupJoin) (connect.Lookuper, error)) (opened lookupers, err error) {
	opened = lookupers{}
	plan.Inspect(n, func(n plan.Node) bool {
		join, ok := n.(*plan.LookupJoin)
		if !ok || err != nil || opened[join] != nil {
			return err == nil // a shared join is met more than once
		}
		var one connect.Lookuper
		if one, err = open(join); err == nil {
			opened[join] = one
		}
		return err == nil
	})
	return opened, err
}

// lookupers is what the lookup joins of a plan ask.
type lookupers map[*plan.LookupJoin]connect.Lookuper

func (l lookupers) close() error {
	var failed error
	for _, one := range l {
		failed = errors.Join(failed, one.Close())
	}
	return failed
}

// lookup opens what a lookup join in a script asks: the table's connector, or the
// table as a whole.
func (s *Session) lookup(n *plan.LookupJoin) (connect.Lookuper, error) {
	r := connect.Request{Zone: s.zone, FS: s.options.Files}
	if n.Table.Kind == plan.External {
		return externalLookup(n, r, s.source)
	}
	return wholeTable(n, s.source)
}

// lookup opens what a lookup join of a kept job asks: the hot store for tables
// that are stored, the connector for others.
func (j *Jobs) lookup(job target.Job) func(*plan.LookupJoin) (connect.Lookuper, error) {
	return func(n *plan.LookupJoin) (connect.Lookuper, error) {
		if n.Table.Kind == plan.External {
			r := connect.Request{Zone: job.Zone, FS: j.options.Files, Job: job.Table.Name}
			return externalLookup(n, r, j.source(job))
		}
		return j.storedLookup(n)
	}
}

// externalLookup asks a connector that can be asked by key, and reads the table as
// a whole where it cannot, or where its options say so. Of the request only what
// does not depend on the table is given.
func externalLookup(n *plan.LookupJoin, given connect.Request, open func(*plan.Scan) (connect.Source, error)) (connect.Lookuper, error) {
	c, err := connectorOf(n.Table)
	if err != nil {
		return nil, err
	}
	settings, err := lookupSettingsOf(n.Table)
	if err != nil {
		return nil, err
	}
	if c.Ask == nil || settings.cache == "FULL" {
		return wholeTable(n, open)
	}
	layout := lookupLayout(n)
	r := request(n.Table, n.Columns)
	r.Zone, r.FS, r.Job = given.Zone, given.FS, given.Job
	asker, err := c.Ask(r, layout.Keys)
	if err != nil {
		return nil, err
	}
	options := lookup.AskedOptions{Close: asker.Close}
	if settings.cache == "PARTIAL" {
		options.Cache = &settings.part
	}
	return lookup.NewAsked(layout, asker.Ask, options), nil
}

// storedLookup asks the hot store for the rows of a table as they are there now.
func (j *Jobs) storedLookup(n *plan.LookupJoin) (connect.Lookuper, error) {
	settings, err := lookupSettingsOf(n.Table)
	if err != nil {
		return nil, err
	}
	options := lookup.AskedOptions{}
	switch settings.cache {
	case "PARTIAL":
		options.Cache = &settings.part
	case "FULL":
		return nil, problem.New(problem.Unsupported, "table %s is stored, and is not read as a whole when it is looked up", n.Table.Name).
			About(lookupCache).WithHint("write '%s' = 'PARTIAL', or leave it out to find what is there at the moment", lookupCache)
	}
	if !catalog.Stored(n.Table) {
		return nil, problem.New(problem.Unsupported, "table %s is not stored, so that it cannot be looked up", n.Table.Name).
			WithHint("leave 'stored' = 'false' out, or use a temporal join in event time")
	}
	layout := lookupLayout(n)
	for _, key := range layout.Keys {
		if !olap.CanAskBy(layout.Columns[key].Type) {
			return nil, problem.New(problem.Unsupported, "looking up a stored table by a %s", layout.Columns[key].Type.Optional()).
				WithHint("look it up by a number or a text, or use a regular join")
		}
	}
	ask := func(ctx context.Context, keys []*batch.Column, rows int, each func(*batch.Batch) error) error {
		question := olap.AskByKey(layout.Table, layout.Columns, layout.Keys, keys, rows)
		_, err := j.options.Store.Query(ctx, question, func(_ []value.Field, b *batch.Batch) error { return each(b) })
		return err
	}
	return lookup.NewAsked(layout, ask, options), nil
}

// wholeTable holds the table of a lookup join in memory. Rows of tables that
// change replace each other by primary key.
func wholeTable(n *plan.LookupJoin, open func(*plan.Scan) (connect.Source, error)) (connect.Lookuper, error) {
	t := n.Table
	settings, err := lookupSettingsOf(t)
	if err != nil {
		return nil, err
	}
	if settings.cache != "" && settings.cache != "FULL" {
		return nil, problem.New(problem.Unsupported, "table %s is read as a whole when it is looked up, so its cache is not %s", t.Name, settings.cache).
			About(lookupCache).WithHint("write '%s' = 'FULL', with '%s' where it changes", lookupCache, lookupReload)
	}
	layout := lookupLayout(n)
	scan := &plan.Scan{Table: t, Columns: slices.Clone(n.Columns)}
	if changes(t) || t.Kind == plan.Native && len(t.PrimaryKey) > 0 {
		if len(t.PrimaryKey) == 0 {
			return nil, problem.New(problem.Unsupported, "table %s is a changelog without a primary key, which cannot be looked up", t.Name).WithHint("declare its PRIMARY KEY")
		}
		for _, column := range t.PrimaryKey {
			at := slices.Index(scan.Columns, column)
			if at < 0 {
				at = len(scan.Columns)
				scan.Columns = append(scan.Columns, column)
				layout.Columns = append(layout.Columns, fieldOf(t, column))
			}
			layout.Primary = append(layout.Primary, at)
		}
	}
	source, err := open(scan)
	if err != nil {
		return nil, err
	}
	whole, err := lookup.NewWhole(layout, source, lookup.WholeOptions{Reload: settings.reload})
	if err != nil {
		return nil, err
	}
	return whole, nil
}

// lookupLayout is what a lookup join asks its table for.
func lookupLayout(n *plan.LookupJoin) lookup.Layout {
	layout := lookup.Layout{Table: n.Table.Name}
	for _, column := range n.Columns {
		layout.Columns = append(layout.Columns, fieldOf(n.Table, column))
	}
	for _, k := range n.Keys {
		layout.Keys = append(layout.Keys, k.Column)
	}
	return layout
}

func fieldOf(t *plan.Table, column int) value.Field {
	return value.Field{Name: t.Columns[column].Name, Type: t.Columns[column].Type}
}
