package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Modes of a script.
const (
	streaming = "streaming"
	batch     = "batch"
)

// statement is a random query with what it needs.
type statement struct {
	number int
	kind   string
	zone   string // of the session; "" leaves it at UTC
	tables []*table
	views  []string
	query  string
	modes  []string
}

// script is the text that both engines run, with ${DIR} for the folder.
func (s *statement) script() string {
	var b strings.Builder
	if s.zone != "" {
		b.WriteString("SET 'table.local-time-zone' = '" + s.zone + "';\n")
	}
	for _, t := range s.tables {
		b.WriteString(t.definition + ";\n")
	}
	for _, v := range s.views {
		b.WriteString(v + ";\n")
	}
	return b.String() + s.query + ";\n"
}

// maker makes statements of a kind.
type maker struct {
	kind   string
	weight int
	make   func(r random, s *statement)
}

var makers = []maker{
	{"projection", 2, projection},
	{"group", 5, group},
	{"window", 5, window},
	{"session", 2, session},
	{"legacy window", 2, legacyWindow},
	{"join", 5, join},
	{"several joins", 3, severalJoins},
	{"interval join", 3, intervalJoin},
	{"window join", 2, windowJoin},
	{"temporal join", 2, temporalJoin},
	{"top-n", 4, topN},
	{"deduplication", 2, deduplication},
	{"window top-n", 2, windowTopN},
	{"over", 3, over},
	{"pattern", 4, pattern},
	{"set operation", 3, setOperation},
	{"subquery", 4, subquery},
	{"nested", 4, nested},
	{"changelog", 4, changelog},
}

// generate makes statement number n of a seed.
func generate(seed uint64, n int) *statement {
	r := random{rand.New(rand.NewPCG(seed, uint64(n)))}
	total := 0
	for _, m := range makers {
		total += m.weight
	}
	at := r.IntN(total)
	for _, m := range makers {
		if at -= m.weight; at < 0 {
			s := &statement{number: n, kind: m.kind, modes: []string{streaming, batch}}
			if r.chance(5) {
				s.zone = pick(r, "Asia/Kolkata", "America/New_York", "UTC")
			}
			m.make(r, s)
			return s
		}
	}
	panic("the weights do not add up")
}

// events adds a stream of rows. With a zone their times are instants.
func (s *statement) events(r random, name string, calm bool) *table {
	t := r.events(name, calm, s.zone != "")
	s.tables = append(s.tables, t)
	return t
}

// changes adds a table of changes.
func (s *statement) changes(r random, name string) *table {
	t := r.changes(name)
	s.tables = append(s.tables, t)
	return t
}

// where is a WHERE clause, now and then.
func (r random) where(columns []column) string {
	if r.chance(2) {
		return ""
	}
	return "\nWHERE " + r.condition(columns, 2)
}

func projection(r random, s *statement) {
	e := s.events(r, "e", false)
	items, _ := r.expressions(e.columns, 1+r.IntN(4))
	distinct := ""
	if r.chance(4) {
		distinct = "DISTINCT "
	} else {
		items = append([]string{"id"}, items...)
	}
	s.query = "SELECT " + distinct + list(items...) + "\nFROM e" + r.where(e.columns)
}

// grouping is a GROUP BY list of some keys, and the keys.
func (r random) grouping(keys []string) (clause string, selected []string) {
	switch {
	case r.chance(4):
		sets := [][]string{{}}
		for _, k := range keys {
			sets = append(sets, []string{k})
		}
		texts := []string{"(" + list(keys...) + ")"} // a key that no set has cannot be selected
		for _, set := range some(r, len(sets), sets...) {
			texts = append(texts, "("+list(set...)+")")
		}
		return "GROUPING SETS (" + list(texts...) + ")", keys
	case r.chance(5):
		return pick(r, "ROLLUP", "CUBE") + " (" + list(keys...) + ")", keys
	}
	return list(keys...), keys
}

func having(r random, made []column) string {
	if len(made) == 0 || !r.chance(4) {
		return ""
	}
	return "\nHAVING COUNT(*) " + pick(r, "> 1", "< 4", "BETWEEN 2 AND 5")
}

// ordered decides whether aggregates may depend on the order of rows, which only
// a stream has.
func (s *statement) ordered(r random) bool {
	if r.chance(4) {
		s.modes = []string{streaming}
		return true
	}
	return false
}

func group(r random, s *statement) {
	e := s.events(r, "e", false)
	aggregates, made := r.aggregates(e.columns, 1+r.IntN(4), s.ordered(r))
	if r.chance(6) {
		s.query = "SELECT " + list(aggregates...) + "\nFROM e" + r.where(e.columns)
		return
	}
	clause, keys := r.grouping(some(r, 2, "k", "g", "b"))
	s.query = "SELECT " + list(append(keys, aggregates...)...) + "\nFROM e" + r.where(e.columns) + "\nGROUP BY " + clause + having(r, made)
}

// sizes of windows: steps divide sizes.
var sizes = []struct{ step, size string }{
	{"INTERVAL '10' SECOND", "INTERVAL '30' SECOND"},
	{"INTERVAL '30' SECOND", "INTERVAL '1' MINUTE"},
	{"INTERVAL '1' MINUTE", "INTERVAL '3' MINUTE"},
	{"INTERVAL '2' MINUTE", "INTERVAL '10' MINUTE"},
}

// windowed is a window function over a table, without SESSION.
func (r random) windowed(name, time string) string {
	size := pick(r, sizes...)
	input := "TABLE " + name + ", DESCRIPTOR(" + time + "), "
	switch r.IntN(4) {
	case 0:
		return "TABLE(HOP(" + input + size.step + ", " + size.size + "))"
	case 1:
		return "TABLE(CUMULATE(" + input + size.step + ", " + size.size + "))"
	}
	return "TABLE(TUMBLE(" + input + pick(r, size.step, size.size) + "))"
}

func window(r random, s *statement) {
	e := s.events(r, "e", false)
	from := r.windowed("e", "ts")
	if r.chance(6) {
		s.query = "SELECT id, k, x, window_start, window_end, window_time\nFROM " + from + r.where(e.columns)
		return
	}
	aggregates, made := r.aggregates(e.columns, 1+r.IntN(3), s.ordered(r))
	keys := []string{"window_start", "window_end"}
	groups := slices.Clone(keys)
	if !r.chance(4) {
		clause, more := r.grouping(some(r, 2, "k", "g"))
		keys, groups = append(keys, more...), append(groups, clause)
	}
	s.query = "SELECT " + list(append(keys, aggregates...)...) + "\nFROM " + from + r.where(e.columns) + "\nGROUP BY " + list(groups...) + having(r, made)
}

func session(r random, s *statement) {
	s.modes = []string{streaming} // Flink has no sessions in batch mode
	e := s.events(r, "e", false)
	aggregates, made := r.aggregates(e.columns, 1+r.IntN(3), s.ordered(r))
	gap := pick(r, "INTERVAL '10' SECOND", "INTERVAL '30' SECOND", "INTERVAL '2' MINUTE")
	keys := []string{"window_start", "window_end"}
	partition := ""
	if !r.chance(3) {
		key := pick(r, "k", "g")
		partition, keys = " PARTITION BY "+key, append(keys, key)
	}
	s.query = "SELECT " + list(append(slices.Clone(keys), aggregates...)...) + "\nFROM TABLE(SESSION(TABLE e" + partition + ", DESCRIPTOR(ts), " + gap + "))" +
		"\nGROUP BY " + list(keys...) + having(r, made)
}

func legacyWindow(r random, s *statement) {
	e := s.events(r, "e", false)
	size := pick(r, sizes...)
	name, arguments := "TUMBLE", "ts, "+size.size
	switch r.IntN(3) {
	case 0:
		name, arguments = "HOP", "ts, "+size.step+", "+size.size
	case 1:
		name, arguments = "SESSION", "ts, "+size.step
		s.modes = []string{streaming}
	}
	aggregates, made := r.aggregates(e.columns, 1+r.IntN(3), false)
	s.query = fmt.Sprintf("SELECT k, %[1]s_START(%[2]s) AS ws, %[1]s_END(%[2]s) AS we, %[3]s\nFROM e%[4]s\nGROUP BY k, %[1]s(%[2]s)%[5]s",
		name, arguments, list(aggregates...), r.where(e.columns), having(r, made))
}

// joinKinds are those of a regular join.
var joinKinds = []string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"}

func join(r random, s *statement) {
	l, f := s.events(r, "e", true), s.events(r, "f", true)
	both := append(qualified("l", l.columns), qualified("r", f.columns)...)
	on := "l." + pick(r, "k", "g") + " = r." + "k"
	if strings.HasPrefix(on, "l.g") {
		on = "l.g = r.g"
	}
	if r.chance(3) {
		on += " AND l.x " + pick(r, "<", ">=", "<>") + " r.x"
	}
	if r.chance(6) {
		on += " AND " + r.condition(both, 1)
	}
	kind := pick(r, joinKinds...)
	from := "e AS l\n" + kind + " f AS r ON " + on
	if r.chance(3) {
		aggregates, made := r.aggregates(both, 1+r.IntN(3), false)
		key := pick(r, "l.k", "r.k", "l.g", "r.g")
		s.query = "SELECT " + key + " AS key0, " + list(aggregates...) + "\nFROM " + from + r.where(both) + "\nGROUP BY " + key + having(r, made)
		return
	}
	items, _ := r.expressions(both, 1+r.IntN(3))
	s.query = "SELECT l.id AS l_id, r.id AS r_id, " + list(items...) + "\nFROM " + from + r.where(both)
}

func severalJoins(r random, s *statement) {
	e, f := s.events(r, "e", true), s.events(r, "f", true)
	var third, on string
	if r.chance(2) {
		s.modes = []string{streaming} // Flink's batch mode refuses changelogs
		third = s.changes(r, "c").name
		on = pick(r, "c.id = e.id", "c.k = f.k", "c.n = e.g", "c.k = e.k AND c.n = f.g")
	} else {
		third = "(SELECT k, COUNT(*) AS n, MAX(id) AS id FROM e GROUP BY k) AS c"
		on = pick(r, "c.k = e.k", "c.k = f.k", "c.n = f.g", "c.id = f.id")
	}
	both := append(qualified("e", e.columns), qualified("f", f.columns)...)
	from := fmt.Sprintf("e\n%s f ON e.%s\n%s %s ON %s", pick(r, joinKinds...), pick(r, "k = f.k", "g = f.g", "id = f.id"), pick(r, joinKinds...), third, on)
	if r.chance(3) {
		s.query = fmt.Sprintf("SELECT c.n, COUNT(*) AS rows0, COUNT(DISTINCT e.id) AS ids, SUM(f.x) AS total\nFROM %s%s\nGROUP BY c.n", from, r.where(both))
		return
	}
	s.query = fmt.Sprintf("SELECT e.id AS e_id, f.id AS f_id, c.k AS c_k, c.n AS c_n\nFROM %s%s", from, r.where(both))
}

func intervalJoin(r random, s *statement) {
	s.events(r, "e", true)
	s.events(r, "f", true)
	key := pick(r, "k", "g")
	time := pick(r,
		"r.ts BETWEEN l.ts - INTERVAL '30' SECOND AND l.ts + INTERVAL '1' MINUTE",
		"r.ts BETWEEN l.ts AND l.ts + INTERVAL '2' MINUTE",
		"l.ts >= r.ts AND l.ts < r.ts + INTERVAL '45' SECOND",
		"l.ts = r.ts")
	more := ""
	if r.chance(3) {
		more = " AND l.x " + pick(r, "<", ">") + " r.x"
	}
	s.query = fmt.Sprintf("SELECT l.id AS l_id, r.id AS r_id, l.k AS l_k, r.x AS r_x, l.ts AS l_ts, r.ts AS r_ts\nFROM e AS l\n%s f AS r ON l.%s = r.%s AND %s%s",
		pick(r, joinKinds...), key, key, time, more)
}

func windowJoin(r random, s *statement) {
	s.events(r, "e", true)
	s.events(r, "f", true)
	size := pick(r, sizes...)
	function := func(name string) string {
		return "TABLE(TUMBLE(TABLE " + name + ", DESCRIPTOR(ts), " + size.size + "))"
	}
	if r.chance(3) {
		function = func(name string) string {
			return "TABLE(HOP(TABLE " + name + ", DESCRIPTOR(ts), " + size.step + ", " + size.size + "))"
		}
	}
	key := pick(r, "k", "g")
	same := fmt.Sprintf("l.%s = r.%s AND l.window_start = r.window_start AND l.window_end = r.window_end", key, key)
	if r.chance(3) {
		s.query = fmt.Sprintf("SELECT id, k, window_start, window_end\nFROM %s AS l\nWHERE %sEXISTS (SELECT 1 FROM %s AS r WHERE %s)",
			function("e"), pick(r, "", "NOT "), function("f"), same)
		return
	}
	s.query = fmt.Sprintf("SELECT l.id AS l_id, r.id AS r_id, COALESCE(l.window_start, r.window_start) AS ws, COALESCE(l.window_end, r.window_end) AS we\nFROM (SELECT * FROM %s) AS l\n%s (SELECT * FROM %s) AS r ON %s",
		function("e"), pick(r, joinKinds...), function("f"), same)
}

func temporalJoin(r random, s *statement) {
	s.modes = []string{streaming} // Flink has no event-time temporal joins in batch mode
	s.events(r, "e", true)
	s.events(r, "f", true)
	s.views = append(s.views, "CREATE VIEW v AS SELECT k, x, g, ts FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS n FROM f) WHERE n = 1")
	s.query = fmt.Sprintf("SELECT e.id, e.k, v.x AS version_x, v.g AS version_g\nFROM e\n%s v FOR SYSTEM_TIME AS OF e.ts ON e.k = v.k", pick(r, "JOIN", "LEFT JOIN"))
}

// order is an ORDER BY list that no two rows are equal in.
func (r random) order() string {
	first := pick(r, "x", "g", "d", "k", "y") + pick(r, "", " DESC", " DESC")
	return first + ", id" + pick(r, "", " DESC")
}

func topN(r random, s *statement) {
	e := s.events(r, "e", false)
	most := 2 + r.IntN(3)
	switch r.IntN(4) {
	case 0:
		s.query = fmt.Sprintf("SELECT id, k, x, d\nFROM e%s\nORDER BY %s\nLIMIT %d", r.where(e.columns), r.order(), most)
		return
	case 1:
		s.query = fmt.Sprintf("SELECT k, total, n FROM (\n  SELECT *, ROW_NUMBER() OVER (ORDER BY total DESC, k) AS n\n  FROM (SELECT k, %s AS total FROM e GROUP BY k)\n) WHERE n <= %d",
			pick(r, "COUNT(*)", "SUM(x)", "MAX(x)", "COUNT(DISTINCT g)"), most)
		return
	case 2:
		s.query = fmt.Sprintf("SELECT id, k, g, x\nFROM e%s\nQUALIFY ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s) <= %d", r.where(e.columns), pick(r, "k", "g"), r.order(), most)
		return
	}
	rank := pick(r, ", n", "")
	s.query = fmt.Sprintf("SELECT id, k, g, x%s FROM (\n  SELECT *, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s) AS n FROM e%s\n) WHERE n <= %d",
		rank, list(some(r, 2, "k", "g")...), r.order(), r.where(e.columns), most)
}

func deduplication(r random, s *statement) {
	s.modes = []string{pick(r, streaming, batch)}
	s.events(r, "e", false)
	order := "ts" + pick(r, "", " DESC")
	if s.modes[0] == batch {
		order += ", id" // without it the order of ties is anybody's
	}
	s.query = fmt.Sprintf("SELECT id, k, x, ts FROM (\n  SELECT *, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s) AS n FROM e\n) WHERE n = 1", list(some(r, 2, "k", "g")...), order)
}

func windowTopN(r random, s *statement) {
	e := s.events(r, "e", false)
	from := r.windowed("e", "ts")
	most := 1 + r.IntN(3)
	if r.chance(3) {
		s.query = fmt.Sprintf("SELECT id, k, x, window_start, window_end, n FROM (\n  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end%s ORDER BY %s) AS n\n  FROM %s\n) WHERE n <= %d",
			pick(r, "", ", k", ", g"), r.order(), from, most)
		return
	}
	aggregate, _ := r.aggregate(e.columns[:4], false)
	s.query = fmt.Sprintf("SELECT window_start, window_end, k, a, n FROM (\n  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY a DESC, k) AS n\n"+
		"  FROM (SELECT window_start, window_end, k, %s AS a FROM %s GROUP BY window_start, window_end, k)\n) WHERE n <= %d", aggregate, from, most)
}

func over(r random, s *statement) {
	s.modes = []string{pick(r, streaming, batch)}
	s.events(r, "e", false)
	partition := pick(r, "", "PARTITION BY k ", "PARTITION BY g ", "PARTITION BY k, g ")
	order, frames := "ts", []string{"ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
		"ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", "RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW"}
	calls := []string{"COUNT(*)", "COUNT(x)", "SUM(x)", "AVG(x)", "MIN(x)", "MAX(x)", "SUM(d)", "MIN(k)", "COUNT(DISTINCT g)", "FIRST_VALUE(x)", "LAST_VALUE(x)"}
	if s.modes[0] == batch {
		order, frames = "ts, id", []string{"ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING", "ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING"}
	}
	window := partition + "ORDER BY " + order + " " + pick(r, frames...)
	var items []string
	for i, call := range some(r, 3, calls...) {
		items = append(items, fmt.Sprintf("%s OVER w AS o%d", call, i))
	}
	s.query = "SELECT id, k, " + list(items...) + "\nFROM e\nWINDOW w AS (" + window + ")"
	if s.modes[0] == batch && r.chance(3) {
		s.query = fmt.Sprintf("SELECT id, k, %s OVER (%sORDER BY ts, id) AS o0\nFROM e", pick(r, "LAG(x)", "LEAD(x)", "LAG(x, 2, -1)", "ROW_NUMBER()", "RANK()", "DENSE_RANK()"), partition)
	}
}

// patterns are row patterns with the variables they need.
var patterns = []struct {
	text      string
	variables string
	skip      []string
}{
	{"A B", "A B", []string{"B"}}, {"A B+ C", "A B C", []string{"C"}}, {"A B* C", "A B C", []string{"C"}}, {"A+ B", "A B", []string{"B"}},
	{"A B? C", "A B C", []string{"C"}}, {"A B*? C", "A B C", []string{"C"}}, {"A B{2} C", "A B C", []string{"C"}}, {"A B{1,2} C", "A B C", []string{"C"}},
	{"A B+?", "A B", []string{"B"}}, {"A{2,} B", "A B", []string{"B"}}, {"A", "A", nil}, {"A B C", "A B C", []string{"B", "C"}},
}

func pattern(r random, s *statement) {
	s.events(r, "e", false)
	p := pick(r, patterns...)
	conditions := []string{"%[1]s.x > 3", "%[1]s.x < 8", "%[1]s.x BETWEEN 0 AND 10", "%[1]s.g = 1", "%[1]s.b", "%[1]s.x IS NOT NULL", "%[1]s.k = 'b'", "%[1]s.id > 2"}
	var measures, definitions []string
	for i, v := range strings.Fields(p.variables) {
		measures = append(measures, pick(r, "LAST(%[1]s.id) AS m%[2]d", "FIRST(%[1]s.id) AS m%[2]d", "COUNT(%[1]s.x) AS m%[2]d", "SUM(%[1]s.x) AS m%[2]d", "MAX(%[1]s.x) AS m%[2]d", "LAST(%[1]s.ts) AS m%[2]d"))
		measures[i] = fmt.Sprintf(measures[i], v, i)
		if i == 0 || !r.chance(4) {
			condition := fmt.Sprintf(pick(r, conditions...), v)
			if i > 0 && r.chance(3) {
				condition += fmt.Sprintf(" AND %s.x %s LAST(A.x)", v, pick(r, ">", "<", "<>"))
			}
			definitions = append(definitions, v+" AS "+condition)
		}
	}
	skip := pick(r, "PAST LAST ROW", "TO NEXT ROW")
	if len(p.skip) > 0 && r.chance(4) {
		skip = "TO LAST " + pick(r, p.skip...)
	}
	within := ""
	if r.chance(3) {
		within = " WITHIN INTERVAL '" + pick(r, "1", "3") + "' MINUTE"
		s.modes = []string{streaming} // in batch mode Flink sometimes fails on WITHIN
	}
	partition := pick(r, "  PARTITION BY k\n", "  PARTITION BY g\n", "")
	s.query = "SELECT *\nFROM e MATCH_RECOGNIZE (\n" + partition + "  ORDER BY ts, id\n  MEASURES " + list(measures...) +
		"\n  ONE ROW PER MATCH\n  AFTER MATCH SKIP " + skip + "\n  PATTERN (" + p.text + ")" + within + "\n  DEFINE " + list(definitions...) + "\n)"
}

func setOperation(r random, s *statement) {
	e, f := s.events(r, "e", true), s.events(r, "f", true)
	columns := list(some(r, 2, "k", "g", "x")...)
	part := func(t *table) string { return "SELECT " + columns + " FROM " + t.name + r.where(t.columns) }
	operators := []string{"UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL"}
	s.query = part(e) + "\n" + pick(r, operators...) + "\n" + part(f)
	if r.chance(3) {
		s.query = "(" + s.query + ")\n" + pick(r, operators...) + "\n" + part(e)
	}
}

func subquery(r random, s *statement) {
	e, f := s.events(r, "e", true), s.events(r, "f", true)
	inner := qualified("f", f.columns)
	key := pick(r, "k", "g")
	condition := pick(r,
		"e.x %[1]s (SELECT f.x FROM f WHERE %[2]s)",
		"%[3]sEXISTS (SELECT 1 FROM f WHERE f.%[4]s = e.%[4]s AND %[2]s)",
		"%[3]sEXISTS (SELECT 1 FROM f WHERE f.%[4]s = e.%[4]s AND f.x > e.x)",
		"e.x > (SELECT AVG(f.x) FROM f WHERE %[2]s)",
		"e.x >= (SELECT MIN(f.x) FROM f WHERE f.%[4]s = e.%[4]s)",
		"(e.k, e.g) IN (SELECT f.k, f.g FROM f WHERE %[2]s)",
		"e.%[4]s %[1]s (SELECT f.%[4]s FROM f GROUP BY f.%[4]s HAVING COUNT(*) > 1)")
	condition = fmt.Sprintf(condition, pick(r, "IN", "IN", "NOT IN"), r.condition(inner, 1), pick(r, "", "NOT "), key)
	if r.chance(5) {
		s.query = fmt.Sprintf("SELECT e.id, e.k, (SELECT %s FROM f WHERE f.%s = e.%s) AS v\nFROM e", pick(r, "MAX(f.x)", "COUNT(f.x)", "SUM(f.x)"), key, key)
		return
	}
	if r.chance(3) {
		condition += " AND " + r.condition(qualified("e", e.columns), 1)
	}
	s.query = "SELECT e.id, e.k, e.x\nFROM e\nWHERE " + condition
}

func nested(r random, s *statement) {
	e := s.events(r, "e", true)
	aggregate := func() string { call, _ := r.aggregate(e.columns, false); return call }
	switch r.IntN(6) {
	case 0:
		s.query = fmt.Sprintf("SELECT n, COUNT(*) AS groups0, %s(v) AS v\nFROM (SELECT k, COUNT(*) AS n, SUM(x) AS v FROM e GROUP BY k)\nGROUP BY n", pick(r, "SUM", "MIN", "MAX", "AVG"))
	case 1:
		s.query = fmt.Sprintf("WITH a AS (SELECT k, %s AS v FROM e GROUP BY k), b AS (SELECT k, %s AS w FROM e WHERE %s GROUP BY k)\nSELECT a.k, v, w\nFROM a\n%s b ON a.k = b.k",
			aggregate(), aggregate(), r.condition(e.columns, 1), pick(r, "JOIN", "LEFT JOIN", "FULL JOIN"))
	case 2:
		s.views = []string{"CREATE VIEW parts0 AS SELECT window_time AS at0, k, COUNT(*) AS n, MAX(x) AS v FROM TABLE(TUMBLE(TABLE e, DESCRIPTOR(ts), INTERVAL '30' SECOND)) GROUP BY window_start, window_end, window_time, k"}
		s.query = fmt.Sprintf("SELECT window_start, window_end, SUM(n) AS n, COUNT(*) AS parts, MAX(v) AS v\nFROM %s\nGROUP BY window_start, window_end", r.windowed("parts0", "at0"))
	case 3:
		f := s.events(r, "f", true)
		s.query = fmt.Sprintf("SELECT k, %s AS v, COUNT(*) AS n\nFROM (SELECT id, k, g, x, y, d, b, ts FROM e%s UNION ALL SELECT id, k, g, x, y, d, b, ts FROM f)\nGROUP BY k", aggregate(), r.where(f.columns))
	case 4:
		s.query = fmt.Sprintf("SELECT e.id, e.k, u.v\nFROM e CROSS JOIN UNNEST(ARRAY[e.x, e.g, %d]) AS u (v)%s", r.IntN(5), pick(r, "", "\nWHERE u.v > 1"))
	default:
		s.query = fmt.Sprintf("SELECT k, n, rank0 FROM (\n  SELECT k, n, ROW_NUMBER() OVER (ORDER BY n DESC, k) AS rank0 FROM (SELECT k, COUNT(*) AS n FROM (SELECT DISTINCT k, g FROM e) GROUP BY k)\n) WHERE rank0 <= %d", 1+r.IntN(3))
	}
}

func changelog(r random, s *statement) {
	s.modes = []string{streaming} // Flink's batch mode refuses changelogs
	c := s.changes(r, "c")
	switch r.IntN(7) {
	case 5:
		items, _ := r.aggregates(c.columns, 2, false)
		s.query = "SELECT window_start, window_end, k, " + list(items...) + "\nFROM TABLE(TUMBLE(TABLE c, DESCRIPTOR(ts), INTERVAL '" + pick(r, "1", "3") + "' MINUTE))\nGROUP BY window_start, window_end, k"
	case 6:
		s.query = fmt.Sprintf("SELECT id, k, n\nFROM c\nWHERE %s %sIN (SELECT %s FROM c AS other WHERE %s)", "k", pick(r, "", "NOT "), "other.k", r.condition(qualified("other", c.columns), 1))
	case 0:
		items, _ := r.expressions(c.columns, 2)
		s.query = "SELECT id, " + list(items...) + "\nFROM c" + r.where(c.columns)
	case 1:
		aggregates, made := r.aggregates(c.columns, 1+r.IntN(3), false)
		s.query = "SELECT k, " + list(aggregates...) + "\nFROM c" + r.where(c.columns) + "\nGROUP BY k" + having(r, made)
	case 2:
		f := s.events(r, "f", true)
		both := append(qualified("c", c.columns), qualified("f", f.columns)...)
		s.query = fmt.Sprintf("SELECT c.id AS c_id, f.id AS f_id, c.n, f.x\nFROM c\n%s f ON c.%s%s", pick(r, joinKinds...), pick(r, "k = f.k", "n = f.g", "id = f.x"), r.where(both))
	case 3:
		s.query = fmt.Sprintf("SELECT id, k, n, rank0 FROM (\n  SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n DESC, id) AS rank0 FROM c\n) WHERE rank0 <= %d", 1+r.IntN(3))
	default:
		s.query = fmt.Sprintf("SELECT v, COUNT(*) AS n\nFROM (SELECT k, %s AS v FROM c GROUP BY k)\nGROUP BY v", pick(r, "COUNT(*)", "SUM(n)", "MAX(n)", "MIN(n)", "AVG(n)"))
	}
}
