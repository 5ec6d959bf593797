package sites

import (
	"context"
	"errors"
	"io"

	"tidemark/base/batch"
	"tidemark/connect"
)

// entry is what a comparison knows of an event.
type entry struct {
	at    uint8 // bits of the sites that have it
	known bool  // it became a row
}

// interval is what a comparison is about: for each split, from where on, and the
// end of all.
type interval struct {
	turns map[int][]turn
	until int64
	from  int64 // the least of all splits
}

// passes is one of several looks at the same events, each at a part of them.
type passes struct{ this, all uint64 }

// compare reads both sites over the open gap's interval. With collect it also
// gives what is missing, or a part of it.
func (s *source) compare(ctx context.Context, collect bool) (verdict, error) {
	in, open := s.interval()
	if !open {
		return verdict{}, nil
	}
	for all := uint64(1); all <= passesMax; all *= 2 {
		v, tooMany, err := s.compareIn(ctx, in, all, collect)
		if err != nil || !tooMany {
			return v, err
		}
	}
	return verdict{}, errors.New("the interval of the gap has too many events")
}

// interval is that of the open gap; false when there is none any more.
func (s *source) interval() (interval, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.mu.common.Gap
	if g == nil {
		return interval{}, false
	}
	in := interval{turns: map[int][]turn{}, until: g.Until}
	for number, r := range s.mu.readers {
		if len(r.own.Turns) == 0 {
			continue
		}
		in.turns[number] = append([]turn{}, r.own.Turns...)
		if len(in.turns) == 1 || r.own.Turns[0].From < in.from {
			in.from = r.own.Turns[0].From
		}
	}
	return in, true
}

// compareIn compares in a number of passes; tooMany says that it takes more.
func (s *source) compareIn(ctx context.Context, in interval, all uint64, collect bool) (v verdict, tooMany bool, err error) {
	v.rows = map[int][]*batch.Batch{}
	room := replayedMax
	for this := range all {
		events, tooMany, err := s.look(ctx, in, passes{this, all})
		if tooMany || err != nil {
			return v, tooMany, err
		}
		missing := map[uint64]bool{}
		for hash, e := range events {
			v.union.Add(hash)
			for site := range v.sites {
				if e.at&(1<<site) != 0 {
					v.sites[site].Add(hash)
				}
			}
			if e.at == 1<<primary|1<<standby {
				v.shared++
			}
			if !e.known {
				v.missing++
				if collect && room > 0 {
					missing[hash] = true
					room--
				}
			}
		}
		if err := s.collect(ctx, in, missing, v.rows); err != nil {
			return v, false, err
		}
	}
	return v, false, nil
}

// look finds the events of one pass.
func (s *source) look(ctx context.Context, in interval, p passes) (events map[uint64]entry, tooMany bool, err error) {
	events = map[uint64]entry{}
	for site := range s.sites {
		err := s.scan(ctx, site, in, func(number int, rows *batch.Batch, each []found) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, f := range each {
				if f.hash%p.all != p.this {
					continue
				}
				e := events[f.hash]
				e.at |= 1 << site
				e.known = e.known || s.becameRow(in.turns[number], site, f)
				if events[f.hash] = e; len(events) > comparedMax {
					tooMany = true
				}
			}
		}, func() bool { return tooMany })
		if err != nil || tooMany {
			return nil, tooMany, err
		}
	}
	return events, false, nil
}

// becameRow reports whether an event that stands in a split at a site has been
// read, or will be where reading is now. The mutex is held.
func (s *source) becameRow(turns []turn, site int, f found) bool {
	if _, added := s.mu.added[f.hash]; added {
		return true
	}
	for i := len(turns) - 1; i >= 0; i-- {
		switch {
		case f.at > turns[i].Sure:
			return turns[i].Taken == site
		case f.at >= turns[i].From:
			_, isKnown := s.mu.known[f.hash]
			return isKnown
		}
	}
	return true
}

// collect reads the rows of missing events, each at the first site that has it.
func (s *source) collect(ctx context.Context, in interval, missing map[uint64]bool, into map[int][]*batch.Batch) error {
	for site := range s.sites {
		if len(missing) == 0 {
			return nil
		}
		err := s.scan(ctx, site, in, func(number int, rows *batch.Batch, each []found) {
			var wanted []uint16
			for _, f := range each {
				if missing[f.hash] {
					delete(missing, f.hash)
					wanted = append(wanted, f.row)
				}
			}
			if wanted != nil {
				some := &batch.Batch{Columns: rows.Columns, Rows: rows.Rows, Sel: wanted}
				into[number] = append(into[number], some.Compact())
			}
		}, func() bool { return len(missing) == 0 })
		if err != nil {
			return err
		}
	}
	return nil
}

// found is a row of the interval.
type found struct {
	row  uint16
	at   int64
	hash uint64
}

// scan reads the records of a site that may be in the interval, as they are now.
func (s *source) scan(ctx context.Context, site int, in interval, each func(number int, rows *batch.Batch, found []found), enough func() bool) error {
	from := start{ends: true}
	if in.from != noTime {
		from.millis = max(in.from-s.set.overlap, 0)
	}
	source, err := s.sourceAt(site, from)
	if err != nil {
		return err
	}
	splits, err := source.Splits(ctx)
	if err != nil {
		return err
	}
	for number := range splits {
		turns := in.turns[number]
		if len(turns) == 0 || enough() {
			continue
		}
		if err := s.scanSplit(ctx, source, splits[number], func(who *reader, rows *batch.Batch) {
			var some []found
			rows.Each(func(i int) {
				at, hash, told := who.identify(rows, i)
				if told && at >= turns[0].From && at < in.until {
					some = append(some, found{uint16(i), at, hash})
				}
			})
			if len(some) > 0 {
				each(number, rows, some)
			}
		}, enough); err != nil {
			return atSite(site, err)
		}
	}
	return nil
}

func (s *source) scanSplit(ctx context.Context, source connect.Source, split connect.SplitID, each func(*reader, *batch.Batch), enough func() bool) error {
	rows, err := source.Open(ctx, split, nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	who := &reader{source: s} // for its buffers
	for !enough() {
		b, err := rows.Read(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		each(who, b)
	}
	return nil
}
