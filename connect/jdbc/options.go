package jdbc

import (
	"slices"
	"strconv"
	"time"

	"tidemark/base/problem"
	"tidemark/connect"
)

// settings is what the options of a table say.
type settings struct {
	server       server
	table        string // as the user wrote it
	timeout      time.Duration
	askRetries   int
	writeRetries int
	writeRows    int           // rows of one statement
	partitions   *partitioning // nil: one split
}

// partitioning cuts a table into splits by a column of whole numbers.
type partitioning struct {
	column       string
	count        int64
	lower, upper int64
}

// settingsOf reads the options.
func settingsOf(options map[string]string) (s settings, err error) {
	if s.server, err = parseURL(options[optionURL]); err != nil {
		return s, err
	}
	if user, given := options[optionUser]; given {
		s.server.user, s.server.password = user, options[optionPassword]
	} else if _, given := options[optionPassword]; given {
		return s, problem.New(problem.InvalidOption, "there is a password but no username").About(optionUser).WithHint("add 'username', as Flink demands")
	}
	if s.table = options[optionTable]; s.table == "" {
		return s, problem.New(problem.InvalidOption, "option %q is empty", optionTable).About(optionTable).WithHint("name the table in the database")
	}
	if s.timeout, err = duration(options, optionTimeout, timeoutDefault); err != nil {
		return s, err
	}
	if _, err = duration(options, optionInterval, time.Second); err != nil {
		return s, err
	}
	for _, n := range []struct {
		name      string
		to        *int
		otherwise int
		lowest    int64
		highest   int64
	}{
		{optionAsks, &s.askRetries, retriesDefault, 0, 1_000_000},
		{optionWrites, &s.writeRetries, retriesDefault, 0, 1_000_000},
		{optionRows, &s.writeRows, sinkRowsDefault, 0, 1 << 31},
		{optionFetch, new(int), 0, 0, 1 << 31},
	} {
		number, err := wholeNumber(options, n.name, int64(n.otherwise), n.lowest, n.highest)
		if err != nil {
			return s, err
		}
		*n.to = int(number)
	}
	s.writeRows = min(max(s.writeRows, 1), sinkRowsMax)
	s.partitions, err = partitioningOf(options)
	return s, err
}

func partitioningOf(options map[string]string) (*partitioning, error) {
	names := []string{optionPartition, optionCount, optionLower, optionUpper}
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, given := options[name]; return given })
	switch {
	case len(missing) == len(names):
		return nil, nil
	case len(missing) > 0:
		return nil, problem.New(problem.InvalidOption, "the options of a partitioned scan belong together, and %q is missing", missing[0]).About(missing[0]).
			WithHint("give all of %v, or none", names)
	}
	p := &partitioning{column: options[optionPartition]}
	var err error
	if p.count, err = wholeNumber(options, optionCount, 0, 1, partitionsMax); err != nil {
		return nil, err
	}
	const least, most = -1 << 62, 1<<62 - 1 // so that their distance is a number, too
	if p.lower, err = wholeNumber(options, optionLower, 0, least, most); err != nil {
		return nil, err
	}
	if p.upper, err = wholeNumber(options, optionUpper, 0, least, most); err != nil {
		return nil, err
	}
	if p.upper < p.lower {
		return nil, problem.New(problem.InvalidOption, "the bounds of the partitioned scan are the wrong way round: %d to %d", p.lower, p.upper).About(optionUpper)
	}
	p.count = min(p.count, p.upper-p.lower+1)
	return p, nil
}

// from is where a split begins, for splits from 1 on.
func (p *partitioning) from(split int64) int64 {
	distance := p.upper - p.lower + 1
	return p.lower + distance/p.count*split + min(split, distance%p.count)
}

func duration(options map[string]string, name string, otherwise time.Duration) (time.Duration, error) {
	text, given := options[name]
	if !given {
		return otherwise, nil
	}
	d, ok := connect.Duration(text)
	if !ok {
		return 0, problem.New(problem.InvalidOption, "option %q cannot be %q", name, text).About(name).WithHint("write a duration such as '60 s'")
	}
	if d == 0 {
		return otherwise, nil
	}
	return d, nil
}

func wholeNumber(options map[string]string, name string, otherwise, lowest, highest int64) (int64, error) {
	text, given := options[name]
	if !given {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < lowest || n > highest {
		return 0, problem.New(problem.InvalidOption, "option %q cannot be %q", name, text).About(name).WithHint("write a whole number from %d to %d", lowest, highest)
	}
	return n, nil
}
