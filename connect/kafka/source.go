package kafka

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dlclark/regexp2"

	"tidemark/base/problem"
	"tidemark/connect"
)

// source reads the partitions of one or more topics.
type source struct {
	request    connect.Request
	properties properties
	reading    *reading
	topics     []string
	pattern    *regexp2.Regexp // nil when topics are named
	startup    border
	bounded    border
	discovery  time.Duration // 0 for never
	mu         struct {
		sync.Mutex
		fetcher *fetcher // nil when nobody reads
	}
}

var (
	_ connect.Discoverer   = (*source)(nil)
	_ connect.FieldSkipper = (*source)(nil)
)

func newSource(r connect.Request, upsert bool) (*source, error) {
	s := &source{request: r}
	var err error
	if s.properties, err = readProperties(r); err != nil {
		return nil, err
	}
	if err := s.readTopics(r); err != nil {
		return nil, err
	}
	l, err := newLayout(r, upsert)
	if err != nil {
		return nil, err
	}
	if s.reading, err = newReading(r, l); err != nil {
		return nil, err
	}
	count := len(s.topics)
	if upsert {
		s.startup = border{mode: "earliest-offset"} // what a key stands for may be old
	} else if s.startup, err = readBorder(r, "startup", "group-offsets", count); err != nil {
		return nil, err
	}
	if s.bounded, err = readBorder(r, "bounded", "unbounded", count); err != nil {
		return nil, err
	}
	s.discovery, err = duration(r, optDiscovery, discoveryDefault)
	return s, err
}

// readTopics reads which topics the table is about.
func (s *source) readTopics(r connect.Request) error {
	names, pattern := r.Options[optTopic], r.Options[optPattern]
	switch {
	case names != "" && pattern != "":
		return invalid(optPattern, "table %s has both 'topic' and 'topic-pattern'", r.Table).WithHint("keep one of them")
	case names == "" && pattern == "":
		return invalid(optTopic, "table %s needs a topic", r.Table).WithHint("'topic' = 'orders'")
	case names != "":
		s.topics = splitTopics(names)
		return nil
	}
	compiled, err := regexp2.Compile(`\A(?:`+pattern+`)\z`, regexp2.None)
	if err != nil {
		return invalid(optPattern, "topic-pattern is no regular expression: %v", err)
	}
	s.pattern = compiled
	return nil
}

func splitTopics(names string) []string {
	var topics []string
	for name := range strings.SplitSeq(names, ";") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(topics, name) {
			topics = append(topics, name)
		}
	}
	return topics
}

// SkipFields notes which fields need not be decoded.
func (s *source) SkipFields(unread [][]bool) {
	for i, p := range s.reading.parts {
		switch p.origin {
		case fromKey:
			s.reading.keyColumns[p.index].Unread = unread[i]
		case fromValue:
			s.reading.valueColumns[p.index].Unread = unread[i]
		case fromRecord:
		}
	}
}

// Bounded reports whether every partition ends.
func (s *source) Bounded() bool { return s.request.Bounded || s.bounded.mode != "unbounded" }

// join gives the source's fetcher, which is to be left again.
func (s *source) join() (*fetcher, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.fetcher == nil {
		f, err := newFetcher(s.properties)
		if err != nil {
			return nil, err
		}
		s.mu.fetcher = f
	}
	s.mu.fetcher.users++
	return s.mu.fetcher, nil
}

// leave gives a fetcher back; the last one ends it.
func (s *source) leave(f *fetcher) {
	s.mu.Lock()
	f.users--
	last := f.users == 0
	if last {
		s.mu.fetcher = nil
	}
	s.mu.Unlock()
	if last {
		f.close()
	}
}

// partitions finds the partitions there are.
func (s *source) partitions(ctx context.Context, f *fetcher) (map[partitionID]leadership, error) {
	all, err := f.leaders(ctx, s.topics)
	if err != nil {
		return nil, err
	}
	if s.pattern != nil {
		for id := range all {
			matches, err := s.pattern.MatchString(id.topic)
			if err != nil {
				return nil, invalid(optPattern, "topic-pattern: %v", err)
			}
			if !matches {
				delete(all, id)
			}
		}
	}
	for _, name := range s.topics {
		if !slices.ContainsFunc(sorted(all), func(id partitionID) bool { return id.topic == name }) {
			return nil, problem.New(problem.NotFound, "Kafka has no topic %q", name).About(optTopic).WithHint("create it, or correct 'topic' of table %s", s.request.Table).Retryable()
		}
	}
	if len(all) > partitionsMax {
		return nil, problem.New(problem.TooLarge, "table %s has %d partitions, more than %d", s.request.Table, len(all), partitionsMax).About(optTopic)
	}
	return all, nil
}

// Splits are the partitions there are now.
func (s *source) Splits(ctx context.Context) ([]connect.SplitID, error) {
	f, err := s.join()
	if err != nil {
		return nil, err
	}
	defer s.leave(f)
	all, err := s.partitions(ctx, f)
	if err != nil {
		return nil, err
	}
	splits := make([]connect.SplitID, 0, len(all))
	for _, id := range sorted(all) {
		splits = append(splits, id.split())
	}
	return splits, nil
}

// Discover waits until there is a partition that is not known.
func (s *source) Discover(ctx context.Context, known []connect.SplitID) error {
	if s.discovery == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	ticker := time.NewTicker(s.discovery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		now, err := s.Splits(ctx)
		if err != nil {
			continue // who reads notices a cluster that is gone, and has more patience
		}
		for _, id := range now {
			if !slices.Contains(known, id) {
				return nil
			}
		}
	}
}

// Open starts to read a partition.
func (s *source) Open(ctx context.Context, split connect.SplitID, from connect.Offset) (connect.Reader, error) {
	return s.open(ctx, split, from, s.start)
}

// OpenFound starts to read a partition that came after reading had begun: from
// its first record, wherever the others began.
func (s *source) OpenFound(ctx context.Context, split connect.SplitID) (connect.Reader, error) {
	return s.open(ctx, split, nil, func(ctx context.Context, c *cluster, p partitionID) (int64, error) {
		return c.offsetAt(ctx, p, timeEarliest)
	})
}

func (s *source) open(ctx context.Context, split connect.SplitID, from connect.Offset, start func(context.Context, *cluster, partitionID) (int64, error)) (_ connect.Reader, err error) {
	id, err := parseSplit(split)
	if err != nil {
		return nil, err
	}
	f, err := s.join()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.leave(f)
		}
	}()
	all, err := f.leaders(ctx, []string{id.topic})
	if err != nil {
		return nil, err
	}
	leader, ok := all[id]
	if !ok {
		return nil, problem.New(problem.NotFound, "Kafka has no %s", id).Retryable().WithHint("the job has read it before; if the topic was made anew with fewer partitions, make the job anew as well")
	}
	var at place
	if from != nil {
		if at, err = parsePlace(from); err != nil {
			return nil, err
		}
		if known := [16]byte{}; at.topicID != known && leader.topicID != known && at.topicID != leader.topicID {
			return nil, problem.New(problem.Conflict, "topic %s was deleted and made anew since the job read it", id.topic).WithHint("its offsets mean other records now: make the job anew to read them from the start")
		}
	} else {
		at.topicID = leader.topicID
		if at.next, err = start(ctx, &f.cluster, id); err != nil {
			return nil, err
		}
		if at.end, err = s.end(ctx, &f.cluster, id); err != nil {
			return nil, err
		}
	}
	r := &reader{source: s, fetcher: f, id: id, place: at, unpacker: newUnpacker(at.next, f.committed)}
	if err := r.prepare(); err != nil {
		return nil, err
	}
	r.at.Store(at.next)
	r.feed = f.add(id, leader, at.next)
	return r, nil
}
