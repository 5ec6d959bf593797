package olap

// Versions are numbers that tables have, one each: as long as a table has the
// same one, its rows are the same. Whoever reads versions first and rows then has
// rows that are as new as the versions, or newer.
func (s *Store) Versions(tables []string) []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions := make([]uint64, len(tables))
	for i, t := range tables {
		versions[i] = s.mu.versions[t]
	}
	return versions
}

// moved gives a table another version. It is called behind every change of rows,
// also of one whose end is not known, before anybody is told of it: who was told
// finds the new version.
func (s *Store) moved(table string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.moves++
	s.mu.versions[table] = s.mu.moves
}
