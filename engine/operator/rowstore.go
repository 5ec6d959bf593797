package operator

// rowStore keeps one row in key form for each code: the values of a group that
// were shown last. It has no pointers for the garbage collector to follow.
type rowStore struct {
	spans   []span // empty where nothing is stored
	arena   arena
	garbage int // bytes in arena of rows that are gone
}

// get is the row of the code, nil when there is none; valid until the next put.
func (s *rowStore) get(code uint32) []byte {
	if int(code) >= len(s.spans) {
		return nil
	}
	return s.arena.at(s.spans[code])
}

// put stores a copy of row, which is not empty.
func (s *rowStore) put(code uint32, row []byte) {
	for int(code) >= len(s.spans) {
		s.spans = append(s.spans, span{})
	}
	at := s.spans[code]
	if old := at.size(); len(row) <= old {
		copy(s.arena.at(at), row)
		s.garbage += old - len(row)
		s.spans[code].end = at.start + uint32(len(row))
		return
	}
	s.drop(code)
	s.spans[code] = s.arena.put(row)
}

// drop forgets the row of the code.
func (s *rowStore) drop(code uint32) {
	if s.get(code) == nil {
		return
	}
	s.garbage += s.spans[code].size()
	s.spans[code] = span{}
	if s.garbage > arenaGarbageMin && 2*s.garbage > s.arena.held {
		s.compact()
	}
}

// compact copies the rows that are there into a new arena.
func (s *rowStore) compact() {
	old := s.arena
	s.arena, s.garbage = arena{}, 0
	for code, at := range s.spans {
		s.spans[code] = s.arena.put(old.at(at))
	}
}
