// Package sites is the connector 'sites': rows from the topic of a Kafka cluster
// or of another Tidemark, and, when that fails, from the same topic elsewhere.
//
// It does not talk to Kafka: that is done by the connector it is given, once for
// each site. It does not move events from one site to the other either; that both
// have all of them in the end is the business of whoever brings them there.
//
// Flow: Open starts a reader for each partition and one watcher for all. A reader
// follows the site that is being read (reader.go, leg.go) and drops events whose
// ids it knows (known.go). The watcher looks after both sites and decides to go to
// the other one (watch.go): that opens a gap (gap.go). When the lost site is
// back, both are read over the interval and compared (compare.go), and what
// never became rows is given to the readers.
//
// Invariants:
//  1. All that is needed to go on is in the offsets of the splits (offset.go): no
//     row counts twice, and none is forgotten, wherever a process is killed.
//  2. An event becomes a row once, as long as its copies come no further apart in
//     event time than 'overlap', or while a gap is open.
//  3. A gap closes only when the events of both sites and those that became rows
//     are the same by count and digests.
//  4. What a ledger is told of gaps is in a committed epoch.
//  5. There is one open gap at most. To go to the other site again while it is
//     open makes it longer.
package sites

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/connect/format"
)

// Limits.
const (
	idsDefault      = 1 << 17     // ids that are known, of all splits
	idsMax          = 1 << 22     // what the option may say
	comparedMax     = 1 << 20     // ids that are compared at once; more are compared in several passes
	passesMax       = 1 << 10     // of a comparison
	replayedMax     = 1 << 16     // events that one replay adds; what is more, the next one adds
	closedKept      = 8           // gaps that a source remembers after they closed
	tickMax         = time.Second // between two looks at a site
	tickMin         = 20 * time.Millisecond
	compareFirst    = time.Second      // from a comparison to the next one
	compareMax      = 10 * time.Minute // the same, when sites keep differing
	compareTimeout  = 10 * time.Minute // for one comparison
	reopenPause     = 200 * time.Millisecond
	durationDefault = 5 * time.Second // of 'overlap' and 'unreachable-after'
)

// Name is the value of the 'connector' option.
const Name = "sites"

// The two sites, by number.
const (
	primary = iota
	standby
)

var siteNames = [2]string{"primary", "standby"}

// Names of options.
const (
	optID           = "event-id"
	optTime         = "event-time"
	optOverlap      = "overlap"
	optUnreachable  = "unreachable-after"
	optBehind       = "behind-after"
	optHold         = "hold"
	optIDs          = "dedup.ids-max"
	optCompensation = "compensation"
	optTopic        = "topic"
	optStartMode    = "scan.startup.mode"
	optStartMillis  = "scan.startup.timestamp-millis"
	optBoundedMode  = "scan.bounded.mode"
)

// ownOptions are those that the connector kafka does not have.
var ownOptions = []connect.Option{
	{Name: optID, Required: true, Doc: "the columns that tell events apart, with ; between them"},
	{Name: optTime, Required: true, Doc: "the column with the time of the event: TIMESTAMP, TIMESTAMP_LTZ, or BIGINT of milliseconds"},
	{Name: optOverlap, Default: "5 s", Doc: "how far apart in event time the rows of one moment come"},
	{Name: optUnreachable, Default: "5 s", Doc: "how long a site may be unreachable until the other one is read"},
	{Name: optBehind, Default: "30 s", Doc: "how long a site may give nothing, while the other one goes on, until that is read"},
	{Name: optHold, Default: "1 min", Doc: "how long watermarks stand still for what is missing after the other site was gone to"},
	{Name: optIDs, Default: "131072", Doc: "how many ids are remembered"},
	{Name: optCompensation, Default: "auto", Values: []string{"auto", "manual"}, Doc: "whether what is missing is added by itself"},
	{Name: "primary.", Prefix: true, Doc: "options of the connector kafka for the primary site alone, such as primary.properties.bootstrap.servers"},
	{Name: "standby.", Prefix: true, Doc: "the same for the other site"},
}

// Connector is 'sites', over the connector kafka.
func Connector(kafka connect.Connector) connect.Connector {
	options := slices.Clone(ownOptions)
	for _, o := range kafka.Options {
		o.Required = false
		options = append(options, o)
	}
	return connect.Connector{
		Name: Name, Doc: "records of a Kafka topic that is in two places", Options: options,
		Source: func(r connect.Request) (connect.Source, error) { return newSource(r, kafka) },
	}
}

// settings are the connector's own options.
type settings struct {
	overlap     int64 // ms
	unreachable time.Duration
	behind      time.Duration
	hold        time.Duration
	ids         int
	manual      bool
}

// slot is how much progress is forgotten at once, ms.
func (s settings) slot() int64 { return max(s.overlap/8, 1) }

func invalid(option, text string, args ...any) *problem.Problem {
	return problem.New(problem.InvalidOption, text, args...).About(option)
}

// readSettings reads them.
func readSettings(r connect.Request) (settings, error) {
	s := settings{ids: idsDefault, manual: r.Options[optCompensation] == "manual"}
	var overlap time.Duration
	for _, d := range []struct {
		option    string
		into      *time.Duration
		otherwise time.Duration
		least     time.Duration
	}{
		{optOverlap, &overlap, durationDefault, time.Millisecond},
		{optUnreachable, &s.unreachable, durationDefault, 5 * tickMin},
		{optBehind, &s.behind, 30 * time.Second, 5 * tickMin},
		{optHold, &s.hold, time.Minute, 0},
	} {
		*d.into = d.otherwise
		if text, given := r.Options[d.option]; given {
			read, ok := connect.Duration(text)
			if !ok || read < d.least {
				return s, invalid(d.option, "%s is %q", d.option, text).WithHint("write a duration such as '5 s', of %v at least", d.least)
			}
			*d.into = read
		}
	}
	s.overlap = overlap.Milliseconds()
	if text, given := r.Options[optIDs]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > idsMax {
			return s, invalid(optIDs, "%s is %q", optIDs, text).WithHint("use a number from 1 to %d", idsMax)
		}
		s.ids = n
	}
	return s, nil
}

// layout says which columns are read from the sites and where ids and times are in
// them: those of the request, and behind them what else is needed.
type layout struct {
	columns   []connect.Column
	requested int
	id        []int
	time      int
	perMilli  int64 // of the time column's values
}

func readLayout(r connect.Request) (layout, error) {
	l := layout{columns: slices.Clone(r.Columns), requested: len(r.Columns), perMilli: 1000}
	find := func(option, name string) (int, error) {
		is := func(c connect.Column) bool { return c.Name == name }
		if at := slices.IndexFunc(l.columns, is); at >= 0 {
			return at, nil
		}
		at := slices.IndexFunc(r.Schema, is)
		if at < 0 {
			var names []string
			for _, c := range r.Schema {
				names = append(names, c.Name)
			}
			p := invalid(option, "table %s has no column %q that is in its records", r.Table, name)
			if near := problem.Nearest(name, names); near != "" {
				p.WithHint("did you mean %q?", near)
			}
			return 0, p
		}
		l.columns = append(l.columns, r.Schema[at])
		return len(l.columns) - 1, nil
	}
	for name := range strings.SplitSeq(r.Options[optID], ";") {
		at, err := find(optID, strings.TrimSpace(name))
		if err != nil {
			return l, err
		}
		l.id = append(l.id, at)
	}
	at, err := find(optTime, strings.TrimSpace(r.Options[optTime]))
	if err != nil {
		return l, err
	}
	l.time = at
	switch t := l.columns[at].Type; {
	case t.Kind == value.BigInt:
		l.perMilli = 1
	case (t.Kind == value.Timestamp || t.Kind == value.TimestampLTZ) && t.Class() == value.Ints:
	default:
		return l, invalid(optTime, "event-time %s is a %s", l.columns[at].Name, t).WithHint("use TIMESTAMP(3), TIMESTAMP_LTZ(3), or BIGINT of milliseconds since 1970")
	}
	return l, nil
}

// refuse tells what a table of two sites cannot be.
func refuse(r connect.Request) error {
	for site := range siteNames {
		options := optionsOf(r.Options, site)
		if options[optTopic] == "" || strings.Contains(options[optTopic], ";") {
			return invalid(optTopic, "table %s needs one topic at each site", r.Table).WithHint("'topic' = 'clicks', or 'primary.topic' and 'standby.topic' where the names differ")
		}
		if mode := options[optBoundedMode]; mode != "" && mode != "unbounded" {
			return problem.New(problem.Unsupported, "a table of two sites has no end (%s = %s)", optBoundedMode, mode).About(optBoundedMode).WithHint("read one of the sites with the connector kafka")
		}
		for _, key := range []string{"format", "value.format"} {
			f, err := format.ByName(options[key])
			if options[key] != "" && err == nil && f.Changes {
				return problem.New(problem.Unsupported, "rows of two sites cannot be changes (%s)", f.Name).About(key).WithHint("use a format of events such as json")
			}
		}
	}
	if r.Bounded {
		return problem.New(problem.Unsupported, "a table of two sites cannot be read in batch mode").WithHint("read one of the sites with the connector kafka")
	}
	return nil
}

// optionsOf are the options of the connector kafka for a site.
func optionsOf(all map[string]string, site int) map[string]string {
	options := map[string]string{}
	for key, text := range all {
		isOwn := slices.ContainsFunc(ownOptions, func(o connect.Option) bool { return o.Name == key || o.Prefix && strings.HasPrefix(key, o.Name) })
		if !isOwn && key != "connector" {
			options[key] = text
		}
	}
	for key, text := range all {
		if name, is := strings.CutPrefix(key, siteNames[site]+"."); is {
			options[name] = text
		}
	}
	return options
}

// start is where the reading of a site begins, other than the table says.
type start struct {
	latest bool
	millis int64 // of the first record, when it is not the latest
	ends   bool  // where the topic ends now
}

// sourceAt makes the source of one site. Without a start it begins where the table
// says.
func sourceAt(r connect.Request, l layout, kafka connect.Connector, site int, from *start) (connect.Source, error) {
	inner := r
	inner.Columns, inner.Options, inner.Conditions, inner.Gaps = l.columns, optionsOf(r.Options, site), nil, nil
	if from != nil {
		inner.Options[optStartMode] = "timestamp"
		inner.Options[optStartMillis] = strconv.FormatInt(max(from.millis, 0), 10)
		if from.latest {
			inner.Options[optStartMode] = "latest-offset"
			delete(inner.Options, optStartMillis)
		}
		if from.ends {
			inner.Options[optBoundedMode] = "latest-offset"
		}
	}
	source, err := kafka.Source(inner)
	if err != nil {
		return nil, atSite(site, err)
	}
	return source, nil
}

// atSite says at which site something is wrong.
func atSite(site int, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	p := problem.Of(err)
	said := *p
	said.Message = "the " + siteNames[site] + " site: " + p.Message
	return &said
}
