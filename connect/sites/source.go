package sites

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"tidemark/base/problem"
	"tidemark/connect"
)

// source is a table of two sites, as one job reads it.
type source struct {
	request connect.Request
	set     settings
	layout  layout
	kafka   connect.Connector
	sites   [2]connect.Source
	mu      struct {
		sync.Mutex
		shared
	}
}

// shared is what the splits of a source know together. The source's mutex guards
// it.
type shared struct {
	common  common
	known   known
	added   map[uint64]struct{}  // events that the open gap's replay has added
	readers map[int]*reader      // that are open, by number of the split
	total   int                  // splits there are
	first   int                  // the site that splits were listed at
	names   [2][]connect.SplitID // of the splits, at each site; nil for unknown
	changed chan struct{}        // closed and replaced when common changes
	lastRow time.Time            // when a site gave rows last
	sights  [2]sighting          // of the sites
	stop    context.CancelFunc   // of the watcher; nil when there is none
	all     *sync.WaitGroup      // of the watcher
	told    uint64               // version of common that the ledger was told
	agreed  *agreement           // by which the gap closes when it is committed; nil for none
}

func newSource(r connect.Request, kafka connect.Connector) (*source, error) {
	if err := refuse(r); err != nil {
		return nil, err
	}
	s := &source{request: r, kafka: kafka}
	var err error
	if s.set, err = readSettings(r); err != nil {
		return nil, err
	}
	if s.layout, err = readLayout(r); err != nil {
		return nil, err
	}
	for site := range s.sites {
		if s.sites[site], err = sourceAt(r, s.layout, kafka, site, nil); err != nil {
			return nil, err
		}
	}
	s.mu.shared = shared{known: known{}, added: map[uint64]struct{}{}, readers: map[int]*reader{}, changed: make(chan struct{})}
	return s, nil
}

func (s *source) sourceAt(site int, from start) (connect.Source, error) {
	return sourceAt(s.request, s.layout, s.kafka, site, &from)
}

// Bounded is false: both sites are read for ever.
func (s *source) Bounded() bool { return false }

// Splits are the partitions, by number, as the site has them that can be reached.
func (s *source) Splits(ctx context.Context) ([]connect.SplitID, error) {
	var failed error
	for site := range s.sites {
		asking, cancel := context.WithTimeout(ctx, s.set.unreachable)
		names, err := s.sites[site].Splits(asking)
		cancel()
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			failed = errors.Join(failed, atSite(site, err))
			continue
		}
		s.mu.Lock()
		s.mu.first, s.mu.total, s.mu.names[site] = site, len(names), names
		s.mu.Unlock()
		splits := make([]connect.SplitID, len(names))
		for i := range splits {
			splits[i] = connect.SplitID(strconv.Itoa(i))
		}
		return splits, nil
	}
	return nil, failed
}

// splitAt is a split's name at a site.
func (s *source) splitAt(ctx context.Context, site, number int) (connect.SplitID, error) {
	s.mu.Lock()
	names, total := s.mu.names[site], s.mu.total
	s.mu.Unlock()
	if names == nil {
		asking, cancel := context.WithTimeout(ctx, s.set.unreachable)
		defer cancel()
		var err error
		if names, err = s.sites[site].Splits(asking); err != nil {
			return "", err
		}
		if len(names) != total {
			return "", problem.New(problem.Conflict, "the topic has %d partitions at the %s site and %d at the other", len(names), siteNames[site], total).
				WithHint("give it as many at both")
		}
		s.mu.Lock()
		s.mu.names[site] = names
		s.mu.Unlock()
	}
	if number >= len(names) {
		return "", problem.New(problem.NotFound, "the topic has %d partitions, and the job has read partition %d", len(names), number).Retryable()
	}
	return names[number], nil
}

// Open starts to read a split.
func (s *source) Open(_ context.Context, split connect.SplitID, from connect.Offset) (connect.Reader, error) {
	number, err := strconv.Atoi(string(split))
	if err != nil || number < 0 {
		return nil, problem.New(problem.InvalidRequest, "%q is no split of a table of two sites", split)
	}
	r := &reader{source: s, number: number, replays: make(chan replay), closed: make(chan struct{})}
	at := place{head: head{Own: own{Newest: noTime, Least: noTime}}}
	if from != nil {
		if at, err = parsePlace(from); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	r.restore(at, from != nil)
	s.mu.readers[number] = r
	s.watch()
	s.mu.Unlock()
	if from != nil {
		s.tell()
	}
	return r, nil
}

// announce wakes the readers after common has changed. The mutex is held.
func (s *source) announce() {
	s.mu.common.Version++
	close(s.mu.changed)
	s.mu.changed = make(chan struct{})
}

// tell tells the ledger of gaps what all splits have in a committed epoch.
func (s *source) tell() {
	ledger := s.request.Gaps
	if ledger == nil {
		return
	}
	s.mu.Lock()
	var least *common
	for _, r := range s.mu.readers {
		if r.applied == nil {
			s.mu.Unlock()
			return
		}
		if least == nil || r.applied.Version < least.Version {
			least = r.applied
		}
	}
	if least == nil || len(s.mu.readers) < s.mu.total || least.Version <= s.mu.told {
		s.mu.Unlock()
		return
	}
	s.mu.told = least.Version
	gaps := append([]connect.Gap{}, least.Closed...)
	if least.Gap != nil {
		gaps = append(gaps, *least.Gap)
	}
	s.mu.Unlock()
	for _, g := range gaps {
		ledger.Note(g)
	}
}

// leave ends the watcher with the last reader.
func (s *source) leave(r *reader) {
	s.mu.Lock()
	if s.mu.readers[r.number] == r {
		delete(s.mu.readers, r.number)
	}
	r.memory.close()
	stop, all := s.mu.stop, s.mu.all
	last := len(s.mu.readers) == 0 && stop != nil
	if last {
		s.mu.stop = nil
	}
	s.mu.Unlock()
	if last {
		stop()
		all.Wait()
	}
}
