package operator

// rowStore keeps one row in key form for each code: the values of a group that
// were shown last. It has no pointers for the garbage collector to follow but some
// a page.
//
// Rows take up a multiple of rowGrain bytes. The room of a row that is gone is for
// the next one that takes as much, so that a store whose rows come and go stays in
// the memory that it has touched.
type rowStore struct {
	spans   pages[span] // empty where nothing is stored
	arena   arena
	free    [][]span // room for rows of so many grains, by their number
	garbage int      // bytes in arena of rows that are gone
}

const (
	rowGrain = 16
	// rowGrainsMax: the room of larger rows is not given out again.
	rowGrainsMax = 128
)

// grainsOf is how many grains a row of n bytes takes.
func grainsOf(n int) int { return (n + rowGrain - 1) / rowGrain }

// get is the row of the code, nil when there is none; valid until the next put.
func (s *rowStore) get(code uint32) []byte {
	if int(code) >= s.spans.len() {
		return nil
	}
	return s.arena.at(*s.spans.at(code))
}

// put stores a copy of row, which is not empty.
func (s *rowStore) put(code uint32, row []byte) {
	s.spans.resize(int(code) + 1)
	at := s.spans.at(code)
	grains := grainsOf(len(row))
	if at.end == 0 || grains != grainsOf(at.size()) {
		s.drop(code)
		*at = s.room(grains)
	}
	at.end = at.start + uint32(len(row))
	copy(s.arena.at(*at), row)
}

// room finds room for so many grains.
func (s *rowStore) room(grains int) span {
	if grains < len(s.free) {
		if free := s.free[grains]; len(free) > 0 {
			last := len(free) - 1
			s.free[grains] = free[:last]
			s.garbage -= grains * rowGrain
			return free[last]
		}
	}
	return s.arena.reserve(grains * rowGrain)
}

// drop forgets the row of the code.
func (s *rowStore) drop(code uint32) {
	if int(code) >= s.spans.len() {
		return
	}
	at := s.spans.at(code)
	if at.end == 0 {
		return
	}
	grains := grainsOf(at.size())
	s.garbage += grains * rowGrain
	if grains <= rowGrainsMax {
		for grains >= len(s.free) {
			s.free = append(s.free, nil)
		}
		s.free[grains] = append(s.free[grains], *at)
	}
	*at = span{}
	if s.garbage > arenaGarbageMin && 2*s.garbage > s.arena.held {
		s.compact()
	}
}

// compact copies the rows that are there into a new arena.
func (s *rowStore) compact() {
	old := s.arena
	s.arena, s.free, s.garbage = arena{}, nil, 0
	for code := range uint32(s.spans.len()) {
		at := s.spans.at(code)
		if at.end == 0 {
			continue
		}
		row := old.at(*at)
		*at = s.arena.reserve(grainsOf(len(row)) * rowGrain)
		at.end = at.start + uint32(len(row))
		copy(s.arena.at(*at), row)
	}
}
