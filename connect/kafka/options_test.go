package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
)

// TestOptions reads 'source', 'sink', 'upsert-source' and 'upsert-sink' with
// options one a line, and prints what is wrong with them or what they mean.
func TestOptions(t *testing.T) {
	datadriven.RunTest(t, "testdata/options", func(t *testing.T, d *datadriven.TestData) string {
		options := map[string]string{"properties.bootstrap.servers": "localhost:9092", "topic": "orders"}
		for line := range strings.Lines(d.Input) {
			name, val, _ := strings.Cut(line, "=")
			name, val = strings.TrimSpace(name), strings.TrimSpace(val)
			if options[name] = val; val == "" {
				delete(options, name)
			}
		}
		r := connect.Request{
			Table: "t", Options: options, FS: vfs.OS(), Zone: time.UTC, Job: "j", PrimaryKey: []int{0},
			Columns: []connect.Column{{Name: "id", Type: value.IntType.Required()}, {Name: "k_name", Type: value.StringType}},
		}
		kind, upsert := strings.CutPrefix(d.Cmd, "upsert-")
		if kind == "sink" {
			s, err := newSink(r, upsert)
			if err != nil {
				return wrong(err)
			}
			defer s.Close()
			out := fmt.Sprintf("topic %s, key %s, value %s, partitioner %s\n", s.topic, columnsOf(s.writing.key), columnsOf(s.writing.value), s.partitioner.kind)
			if s.exactly != nil {
				out += fmt.Sprintf("exactly once as %s, marker of %s\n", s.exactly.id, s.exactly.group)
			}
			return out
		}
		s, err := newSource(r, upsert)
		if err != nil {
			return wrong(err)
		}
		out := fmt.Sprintf("from %s, to %s, bounded %v, every %s\nkey %s, value %s\n", s.startup.mode, s.bounded.mode, s.Bounded(), s.discovery, columnsOf(s.reading.key), columnsOf(s.reading.value))
		if len(s.startup.offsets) > 0 {
			out += fmt.Sprintf("offsets %v\n", s.startup.offsets)
		}
		return out
	})
}

func columnsOf(s side) string {
	var names []string
	for _, f := range s.fields {
		names = append(names, f.name)
	}
	if !s.used() {
		return "none"
	}
	return s.format.Name + "(" + strings.Join(names, ",") + ")"
}

func wrong(err error) string {
	p := problem.Of(err)
	out := fmt.Sprintf("%s: %s", p.Code, p.Message)
	if p.Field != "" {
		out += " [" + p.Field + "]"
	}
	if p.Hint != "" {
		out += "\n  " + p.Hint
	}
	return out + "\n"
}

// Every option that is read is one that a table may have.
func TestOptionsAreListed(t *testing.T) {
	var known []string
	for _, c := range Connectors() {
		for _, o := range c.Options {
			known = append(known, o.Name)
		}
	}
	for _, name := range []string{
		optTopic, optPattern, optFormat, optKeyFormat, optValueFormat, optKeyFields, optKeyPrefix, optInclude, optStartMode, optStartOffsets, optStartMillis,
		optBoundedMode, optBoundedOffsets, optBoundedMillis, optDiscovery, optPartitioner, optGuarantee, optTransactional, optMissingMarker, propertyPrefix,
	} {
		if !slices.Contains(known, name) {
			t.Errorf("no connector has the option %s", name)
		}
	}
}
