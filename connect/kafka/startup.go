package kafka

import (
	"context"
	"strconv"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/connect"
)

// border is where reading begins or ends.
type border struct {
	mode    string
	millis  int64
	offsets map[int32]int64
}

// readBorder reads the options of a border; kind is "startup" or "bounded".
func readBorder(r connect.Request, kind, otherwise string, topics int) (border, error) {
	option := func(name string) string { return "scan." + kind + "." + name }
	b := border{mode: r.Options[option("mode")]}
	if b.mode == "" {
		b.mode = otherwise
	}
	switch b.mode {
	case "timestamp":
		text := r.Options[option("timestamp-millis")]
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return b, invalid(option("timestamp-millis"), "%s is %q", option("timestamp-millis"), text).WithHint("write milliseconds since 1970")
		}
		b.millis = n
	case "specific-offsets":
		if topics != 1 {
			return b, invalid(option("specific-offsets"), "specific offsets are those of one topic, and %s reads several", r.Table)
		}
		var err error
		if b.offsets, err = parseOffsets(option("specific-offsets"), r.Options[option("specific-offsets")]); err != nil {
			return b, err
		}
	case "group-offsets":
		if strings.TrimSpace(r.Options[propertyPrefix+"group.id"]) == "" {
			return b, invalid("properties.group.id", "%s is group-offsets, and there is no group", option("mode")).WithHint("set 'properties.group.id', or 'scan.startup.mode' = 'earliest-offset'")
		}
	}
	return b, nil
}

// parseOffsets reads partition:0,offset:42;partition:1,offset:300.
func parseOffsets(option, text string) (map[int32]int64, error) {
	wrong := invalid(option, "specific offsets are %q", text).WithHint("write partition:0,offset:42;partition:1,offset:300")
	offsets := map[int32]int64{}
	for pair := range strings.SplitSeq(strings.TrimSuffix(text, ";"), ";") {
		first, second, _ := strings.Cut(strings.TrimSpace(pair), ",")
		partition, isPartition := strings.CutPrefix(first, "partition:")
		offset, isOffset := strings.CutPrefix(second, "offset:")
		p, err := strconv.ParseInt(partition, 10, 32)
		if err != nil || !isPartition || !isOffset || p < 0 {
			return nil, wrong
		}
		at, err := strconv.ParseInt(offset, 10, 64)
		if err != nil || at < 0 {
			return nil, wrong
		}
		if _, twice := offsets[int32(p)]; twice {
			return nil, wrong
		}
		offsets[int32(p)] = at
	}
	return offsets, nil
}

// start finds where a partition's reading begins.
func (s *source) start(ctx context.Context, c *cluster, p partitionID) (int64, error) {
	switch s.startup.mode {
	case "latest-offset":
		return c.offsetAt(ctx, p, timeLatest)
	case "timestamp":
		at, err := c.offsetAt(ctx, p, s.startup.millis)
		if err == nil && at < 0 {
			at, err = c.offsetAt(ctx, p, timeLatest) // nothing is that new yet
		}
		return at, err
	case "specific-offsets":
		if at, given := s.startup.offsets[p.number]; given {
			return at, nil
		}
		// As in Flink, a partition that is not named goes by the group.
		return s.groupStart(ctx, c, p)
	case "group-offsets":
		return s.groupStart(ctx, c, p)
	}
	return c.offsetAt(ctx, p, timeEarliest)
}

func (s *source) groupStart(ctx context.Context, c *cluster, p partitionID) (int64, error) {
	if s.properties.group != "" {
		if at, _, err := c.groupOffset(ctx, s.properties.group, p, false); err != nil || at >= 0 {
			return at, err
		}
	}
	switch s.properties.reset {
	case "earliest":
		return c.offsetAt(ctx, p, timeEarliest)
	case "latest":
		return c.offsetAt(ctx, p, timeLatest)
	}
	if s.startup.mode == "specific-offsets" {
		return c.offsetAt(ctx, p, timeEarliest)
	}
	return 0, problem.New(problem.NotFound, "the group %s has no offset for %s", s.properties.group, p).About(optStartMode).
		WithHint("set 'scan.startup.mode' = 'earliest-offset', or 'properties.auto.offset.reset' = 'earliest' or 'latest'")
}

// end finds where a partition's reading ends, as of now.
func (s *source) end(ctx context.Context, c *cluster, p partitionID) (int64, error) {
	mode := s.bounded.mode
	if mode == "unbounded" {
		if !s.request.Bounded {
			return unbounded, nil
		}
		mode = "latest-offset" // batch mode reads what is there
	}
	latest, err := c.offsetAt(ctx, p, timeLatest)
	if err != nil {
		return 0, err
	}
	at := latest
	switch mode {
	case "timestamp":
		if at, err = c.offsetAt(ctx, p, s.bounded.millis); err == nil && at < 0 {
			at = latest
		}
	case "group-offsets":
		if at, _, err = c.groupOffset(ctx, s.properties.group, p, false); err == nil && at < 0 {
			err = problem.New(problem.NotFound, "the group %s has no offset for %s", s.properties.group, p).About(optBoundedMode)
		}
	case "specific-offsets":
		if given, known := s.bounded.offsets[p.number]; known {
			at = given
		}
	}
	return at, err
}

// units of durations, as Flink spells them.
var units = map[string]time.Duration{
	"": time.Millisecond, "ms": time.Millisecond, "s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute, "h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// duration reads an option such as '5 min'.
func duration(r connect.Request, option string, otherwise time.Duration) (time.Duration, error) {
	text, given := r.Options[option]
	if !given {
		return otherwise, nil
	}
	trimmed := strings.TrimSpace(text)
	digits := len(trimmed) - len(strings.TrimLeft(trimmed, "0123456789"))
	n, err := strconv.ParseInt(trimmed[:digits], 10, 32)
	unit, known := units[strings.ToLower(strings.TrimSpace(trimmed[digits:]))]
	if err != nil || !known {
		return 0, invalid(option, "%s is %q", option, text).WithHint("write a duration such as '30 s'")
	}
	return time.Duration(n) * unit, nil
}
