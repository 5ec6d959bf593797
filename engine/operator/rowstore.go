package operator

// rowStore keeps one row in key form for each code: the values of a group that
// were shown last. It has no pointers for the garbage collector to follow.
type rowStore struct {
	spans   []span // empty where nothing is stored
	arena   []byte
	garbage int
}

// get is the row of the code, nil when there is none; valid until the next put.
func (s *rowStore) get(code uint32) []byte {
	if int(code) >= len(s.spans) || s.spans[code].end == 0 {
		return nil
	}
	at := s.spans[code]
	return s.arena[at.start:at.end]
}

// put stores a copy of row, which is not empty.
func (s *rowStore) put(code uint32, row []byte) {
	for int(code) >= len(s.spans) {
		s.spans = append(s.spans, span{})
	}
	at := s.spans[code]
	if old := at.end - at.start; len(row) <= old {
		copy(s.arena[at.start:], row)
		s.garbage += old - len(row)
		s.spans[code].end = at.start + len(row)
		return
	}
	s.drop(code)
	if len(s.arena) == 0 {
		s.arena = append(s.arena, 0) // so that no row ends at 0
	}
	s.spans[code] = span{len(s.arena), len(s.arena) + len(row)}
	s.arena = append(s.arena, row...)
}

// drop forgets the row of the code.
func (s *rowStore) drop(code uint32) {
	if s.get(code) == nil {
		return
	}
	s.garbage += s.spans[code].end - s.spans[code].start
	s.spans[code] = span{}
	if s.garbage > arenaGarbageMin && 2*s.garbage > len(s.arena) {
		s.compact()
	}
}

func (s *rowStore) compact() {
	arena := make([]byte, 1, 2*(len(s.arena)-s.garbage)+1)
	for code, at := range s.spans {
		if at.end == 0 {
			continue
		}
		s.spans[code] = span{len(arena), len(arena) + at.end - at.start}
		arena = append(arena, s.arena[at.start:at.end]...)
	}
	s.arena, s.garbage = arena, 0
}
