package property

import "slices"

// operatorsMax is the number of operators in a plan; rowsMax bounds what its
// joins may multiply to.
const (
	operatorsMax = 4
	rowsMax      = 2000
)

// relation is a plan, as a query, with what the next operator needs to know.
type relation struct {
	from    string // a table's name or a query in parentheses
	columns []column
	rows    int // no more than about so many

	time     string // the column that says when a row happened; "" for none
	appends  bool   // it takes nothing back
	distinct bool   // no two rows have the same time
}

// planner makes random plans over tables.
type planner struct {
	*choices
	tables []*table
	names  int
}

func (p *planner) fresh(prefix string) string {
	p.names++
	return format("%s%d", prefix, p.names)
}

// query makes the result of an operator.
func query(columns []column, rows int, text string, arguments ...any) *relation {
	return &relation{from: "(" + format(text, arguments...) + ")", columns: columns, rows: rows}
}

// keeping says that an operator passes its input's times on, if it has them.
func (r *relation) keeping(input *relation) *relation {
	r.appends = input.appends
	if slices.ContainsFunc(r.columns, func(c column) bool { return c.name == input.time }) {
		r.time, r.distinct = input.time, input.distinct
	}
	return r
}

func qualified(alias string, columns []column) []column {
	all := make([]column, len(columns))
	for i, c := range columns {
		all[i] = column{alias + "." + c.name, c.kind}
	}
	return all
}

func names(columns []column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.name
	}
	return all
}

// plan is a plan of at most so many operators.
func (p *planner) plan(operators int) *relation {
	if operators == 0 {
		t := pick(p.choices, p.tables...)
		return &relation{from: t.name, columns: t.columns, rows: len(t.rows), time: "ts", appends: t.appends, distinct: t.distinct}
	}
	if p.chance(45) {
		left := p.below(operators)
		l, r := p.plan(left), p.plan(operators-1-left)
		return pick(p.choices, p.join, p.setOperation, p.subquery, p.join, p.intervalJoin, p.windowJoin)(l, r)
	}
	input := p.plan(operators - 1)
	fitting := []func(*relation) *relation{p.filter, p.project, p.group, p.distinct, p.topN, p.limit, p.unnest, p.group, p.topN, p.group}
	if input.time != "" {
		fitting = append(fitting, p.windowed, p.windowGroup, p.windowGroup)
	}
	if input.time != "" && input.appends {
		fitting = append(fitting, p.over, p.over)
	}
	if input.time != "" && input.distinct {
		fitting = append(fitting, p.first, p.first, p.over)
	}
	return pick(p.choices, fitting...)(input)
}

func (p *planner) filter(r *relation) *relation {
	t := p.fresh("t")
	return query(r.columns, r.rows, "SELECT * FROM %s AS %s WHERE %s", r.from, t, p.condition(qualified(t, r.columns), 2)).keeping(r)
}

func (p *planner) project(r *relation) *relation {
	var items []string
	var made []column
	for _, c := range some(p.choices, len(r.columns), r.columns...) {
		items, made = append(items, c.name), append(made, c)
	}
	for range p.below(3) {
		of := pick(p.choices, integer, boolean)
		item := p.number(r.columns, 2)
		if of == boolean {
			item = "(" + p.condition(r.columns, 1) + ")"
		}
		name := p.fresh("c")
		items, made = append(items, item+" AS "+name), append(made, column{name, of})
	}
	return query(made, r.rows, "SELECT %s FROM %s AS %s", list(items...), r.from, p.fresh("t")).keeping(r)
}

func (p *planner) distinct(r *relation) *relation {
	made := some(p.choices, 2, r.columns...)
	return query(made, r.rows, "SELECT DISTINCT %s FROM %s AS %s", list(names(made)...), r.from, p.fresh("t"))
}

// aggregates are items of a select list, after keys.
func (p *planner) aggregates(r *relation, keys []column) (items []string, made []column) {
	for _, k := range keys {
		items, made = append(items, k.name), append(made, k)
	}
	for range 1 + p.below(3) {
		call, of := p.aggregate(r.columns)
		name := p.fresh("a")
		items, made = append(items, call+" AS "+name), append(made, column{name, of})
	}
	return items, made
}

func (p *planner) having() string {
	if p.chance(20) {
		return " HAVING COUNT(*) " + pick(p.choices, "> 1", "< 3")
	}
	return ""
}

func (p *planner) group(r *relation) *relation {
	if p.chance(15) {
		items, made := p.aggregates(r, nil)
		return query(made, 1, "SELECT %s FROM %s AS %s", list(items...), r.from, p.fresh("t"))
	}
	keys := some(p.choices, 2, r.columns...)
	items, made := p.aggregates(r, keys)
	grouping := list(names(keys)...)
	if p.chance(25) {
		grouping = format(pick(p.choices, "ROLLUP (%s)", "CUBE (%s)", "GROUPING SETS ((%s), ())", "GROUPING SETS ((%s), (%[2]s), ())")+"%.0[2]s", grouping, keys[0].name)
	}
	return query(made, 2*r.rows+1, "SELECT %s FROM %s AS %s GROUP BY %s%s", list(items...), r.from, p.fresh("t"), grouping, p.having())
}

// window is a window function over a relation.
func (p *planner) window(r *relation) string {
	argument := r.from
	if argument[0] != '(' {
		argument = "TABLE " + argument
	}
	argument += ", DESCRIPTOR(" + r.time + "), "
	return "TABLE(" + format(pick(p.choices, "TUMBLE(%sINTERVAL '30' SECOND)", "TUMBLE(%sINTERVAL '2' MINUTE)", "HOP(%sINTERVAL '30' SECOND, INTERVAL '1' MINUTE)",
		"CUMULATE(%sINTERVAL '30' SECOND, INTERVAL '2' MINUTE)"), argument) + ")"
}

// windowed gives rows, which have a time, their windows under names of their own.
func (p *planner) windowed(r *relation) *relation {
	var made []column
	for _, c := range r.columns {
		if c.name != r.time {
			made = append(made, c)
		}
	}
	items, time := names(made), ""
	for _, bound := range []string{"window_start", "window_end", "window_time"} {
		time = p.fresh("w")
		items, made = append(items, bound+" AS "+time), append(made, column{time, moment})
	}
	result := query(made, 4*r.rows, "SELECT %s FROM %s", list(items...), p.window(r))
	result.time, result.appends = time, r.appends
	return result
}

// windowGroup aggregates rows, which have a time, in windows.
func (p *planner) windowGroup(r *relation) *relation {
	var keys []column
	if p.chance(60) {
		keys = some(p.choices, 2, r.columns...)
	}
	items, made := p.aggregates(r, keys)
	time := ""
	for _, bound := range []string{"window_start", "window_end", "window_time"} {
		time = p.fresh("w")
		items, made = append(items, bound+" AS "+time), append(made, column{time, moment})
	}
	grouping := list(append([]string{"window_start", "window_end", "window_time"}, names(keys)...)...)
	if len(keys) > 0 && p.chance(20) {
		grouping = format("window_start, window_end, window_time, "+pick(p.choices, "ROLLUP (%s)", "CUBE (%s)"), list(names(keys)...))
	}
	result := query(made, 4*r.rows, "SELECT %s FROM %s GROUP BY %s%s", list(items...), p.window(r), grouping, p.having())
	result.time, result.appends = time, r.appends
	return result
}

// order is an order of all columns: rows that are equal in it are the same.
func (p *planner) order(columns []column) string {
	var parts []string
	for _, c := range columns {
		parts = append(parts, c.name+pick(p.choices, "", " DESC"))
	}
	turn := p.below(len(parts))
	return list(append(parts[turn:], parts[:turn]...)...)
}

func (p *planner) topN(r *relation) *relation {
	made := slices.Clone(r.columns)
	t, rank, partition := p.fresh("t"), p.fresh("r"), ""
	if p.chance(70) {
		partition = "PARTITION BY " + list(names(some(p.choices, 2, r.columns...))...) + " "
	}
	number := format("ROW_NUMBER() OVER (%sORDER BY %s)", partition, p.order(r.columns))
	most := 1 + p.below(3)
	if p.chance(25) {
		return query(made, r.rows, "SELECT * FROM %s AS %s QUALIFY %s <= %d", r.from, t, number, most)
	}
	shown := ""
	if p.chance(50) {
		shown, made = ", "+rank, append(made, column{rank, integer})
	}
	return query(made, r.rows, "SELECT %s%s FROM (SELECT *, %s AS %s FROM %s AS %s) AS %s WHERE %s <= %d",
		list(names(r.columns)...), shown, number, rank, r.from, t, p.fresh("t"), rank, most)
}

func (p *planner) limit(r *relation) *relation {
	return query(r.columns, r.rows, "SELECT * FROM %s AS %s ORDER BY %s LIMIT %d%s", r.from, p.fresh("t"), p.order(r.columns), 1+p.below(5), pick(p.choices, "", " OFFSET 1"))
}

// first keeps the first or the last row of a key; no two rows have the same time.
func (p *planner) first(r *relation) *relation {
	rank, direction := p.fresh("r"), pick(p.choices, "", " DESC")
	result := query(r.columns, r.rows, "SELECT %s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s%s) AS %s FROM %s AS %s) AS %s WHERE %s = 1",
		list(names(r.columns)...), list(names(some(p.choices, 2, r.columns...))...), r.time, direction, rank, r.from, p.fresh("t"), p.fresh("t"), rank)
	if direction == "" {
		return result.keeping(r)
	}
	return result
}

// over aggregates rows up to each row, in the order of their times.
func (p *planner) over(r *relation) *relation {
	frames := []string{"", " RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW"}
	if r.distinct {
		frames = append(frames, " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW")
	}
	partition := ""
	if p.chance(60) {
		partition = "PARTITION BY " + list(names(some(p.choices, 2, r.columns...))...) + " "
	}
	items, made := names(r.columns), slices.Clone(r.columns)
	for range 1 + p.below(2) {
		name := p.fresh("o")
		items = append(items, format("%s OVER w AS %s", format(pick(p.choices, "COUNT(*)", "SUM(%s)", "MIN(%s)", "MAX(%s)", "COUNT(%s)", "AVG(%s)")+"%.0[1]s", p.number(r.columns, 1)), name))
		made = append(made, column{name, integer})
	}
	return query(made, r.rows, "SELECT %s FROM %s AS %s WINDOW w AS (%sORDER BY %s%s)", list(items...), r.from, p.fresh("t"), partition, r.time, pick(p.choices, frames...)).keeping(r)
}

func (p *planner) unnest(r *relation) *relation {
	t, u, name := p.fresh("t"), p.fresh("u"), p.fresh("c")
	columns := qualified(t, r.columns)
	join, on := "CROSS JOIN", ""
	if p.chance(30) {
		join, on = "LEFT JOIN", " ON TRUE"
	}
	result := query(append(slices.Clone(r.columns), column{name, integer}), 2*r.rows, "SELECT %s.*, %s FROM %s AS %s %s UNNEST(ARRAY[%s, %s]) AS %s (%s)%s",
		t, name, r.from, t, join, p.number(columns, 1), p.number(columns, 1), u, name, on).keeping(r)
	result.distinct = false
	return result
}

// both are columns of two inputs for a select list, under new names.
func (p *planner) both(l, r string, left, right *relation) (items []string, made []column) {
	for _, c := range append(some(p.choices, 4, qualified(l, left.columns)...), some(p.choices, 4, qualified(r, right.columns)...)...) {
		name := p.fresh("c")
		items, made = append(items, c.name+" AS "+name), append(made, column{name, c.kind})
	}
	return items, made
}

// equality compares columns of the same kind, or gives "".
func (p *planner) equality(left, right []column) string {
	var pairs []string
	for _, l := range left {
		for _, r := range right {
			if l.kind == r.kind {
				pairs = append(pairs, l.name+" = "+r.name)
			}
		}
	}
	if len(pairs) == 0 {
		return ""
	}
	return pick(p.choices, pairs...)
}

var joinKinds = []string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"}

func (p *planner) join(left, right *relation) *relation {
	if left.rows*right.rows > rowsMax {
		return p.filter(left)
	}
	l, r := p.fresh("l"), p.fresh("r")
	inLeft, inRight := qualified(l, left.columns), qualified(r, right.columns)
	items, made := p.both(l, r, left, right)
	kind, on := pick(p.choices, joinKinds...), p.equality(inLeft, inRight)
	if on == "" {
		kind, on = pick(p.choices, "JOIN", "LEFT JOIN", "RIGHT JOIN"), p.condition(append(inLeft, inRight...), 1) // DuckDB's FULL JOIN needs an equality
	}
	if p.chance(35) && kind != "FULL JOIN" {
		on += " AND " + p.condition(append(inLeft, inRight...), 1)
	}
	return query(made, left.rows*right.rows, "SELECT %s FROM %s AS %s %s %s AS %s ON %s", list(items...), left.from, l, kind, right.from, r, on)
}

func (p *planner) intervalJoin(left, right *relation) *relation {
	on := p.equality(qualified("l", left.columns), qualified("r", right.columns))
	if left.time == "" || right.time == "" || !left.appends || !right.appends || on == "" || left.rows*right.rows > rowsMax {
		return p.join(left, right)
	}
	items, made := p.both("l", "r", left, right)
	bounds := pick(p.choices, "r.%[2]s BETWEEN l.%[1]s - INTERVAL '30' SECOND AND l.%[1]s + INTERVAL '1' MINUTE", "l.%[1]s >= r.%[2]s AND l.%[1]s < r.%[2]s + INTERVAL '45' SECOND", "l.%[1]s = r.%[2]s")
	return query(made, left.rows*right.rows, "SELECT %s FROM %s AS l %s %s AS r ON %s AND %s", list(items...), left.from, pick(p.choices, joinKinds[:3]...), right.from, on, format(bounds, left.time, right.time))
}

// windowJoin joins rows of the same window.
func (p *planner) windowJoin(left, right *relation) *relation {
	on := p.equality(qualified("l", left.columns), qualified("r", right.columns))
	if left.time == "" || right.time == "" || on == "" || left.rows*right.rows > rowsMax {
		return p.join(left, right)
	}
	at := len(p.made)
	first := p.window(left)
	again := &planner{choices: &choices{tape: p.made[at:]}}
	items, made := p.both("l", "r", left, right)
	return query(made, 4*left.rows*right.rows, "SELECT %s FROM (SELECT * FROM %s) AS l %s (SELECT * FROM %s) AS r ON %s AND l.window_start = r.window_start AND l.window_end = r.window_end",
		list(items...), first, pick(p.choices, joinKinds...), again.window(right), on)
}

// subquery keeps rows of the left input by what the right one has.
func (p *planner) subquery(left, right *relation) *relation {
	l, r := p.fresh("l"), p.fresh("r")
	inLeft, inRight := qualified(l, left.columns), qualified(r, right.columns)
	item := pick(p.choices, inRight...)
	outer := p.of(inLeft, item.kind)
	on, where := p.equality(inLeft, inRight), p.condition(inRight, 1)
	if outer == "" || on == "" {
		return p.join(left, right)
	}
	not := pick(p.choices, "", "NOT ")
	condition := ""
	switch p.below(5) {
	case 0:
		condition = format("%s %sIN (SELECT %s FROM %s AS %s WHERE %s)", outer, not, item.name, right.from, r, where)
	case 1:
		condition = format("%sEXISTS (SELECT 1 FROM %s AS %s WHERE %s AND %s)", not, right.from, r, on, where)
	case 2:
		condition = format("%s %sIN (SELECT %s FROM %s AS %s WHERE %s)", outer, not, item.name, right.from, r, on)
	case 3:
		number := p.number(inRight, 0)
		condition = format("%s %s (SELECT %s FROM %s AS %s WHERE %s)", p.number(inLeft, 0), pick(p.choices, ">=", "<", "="),
			format(pick(p.choices, "COUNT(*)", "MIN(%s)", "MAX(%s)", "SUM(%s)")+"%.0[1]s", number), right.from, r, on)
	default:
		condition = format("%s %s (SELECT %s FROM %s AS %s)", p.number(inLeft, 0), pick(p.choices, ">", "="), format("MAX(%s)", p.number(inRight, 1)), right.from, r)
	}
	if p.chance(25) {
		condition = format("(%s %s %s)", condition, pick(p.choices, "AND", "OR"), p.condition(inLeft, 1))
	}
	return query(left.columns, left.rows, "SELECT * FROM %s AS %s WHERE %s", left.from, l, condition)
}

func (p *planner) setOperation(left, right *relation) *relation {
	var fromLeft, fromRight, made []column
	for _, l := range left.columns {
		for _, r := range right.columns {
			if l.kind == r.kind && len(made) < 3 && !slices.Contains(fromLeft, l) && !slices.Contains(fromRight, r) && p.chance(70) {
				fromLeft, fromRight, made = append(fromLeft, l), append(fromRight, r), append(made, l)
			}
		}
	}
	if len(made) == 0 {
		return p.join(left, right)
	}
	operator := pick(p.choices, "UNION ALL", "UNION", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL")
	result := query(made, left.rows+right.rows, "SELECT %s FROM %s AS %s %s SELECT %s FROM %s AS %s",
		list(names(fromLeft)...), left.from, p.fresh("t"), operator, list(names(fromRight)...), right.from, p.fresh("t"))
	at := slices.IndexFunc(fromLeft, func(c column) bool { return c.name == left.time })
	if operator == "UNION ALL" && at >= 0 && fromRight[at].name == right.time && left.appends && right.appends {
		result.time, result.appends = left.time, true
	}
	return result
}

// statement is the query of a plan.
func (p *planner) statement() string {
	r := p.plan(1 + p.below(operatorsMax))
	return r.from[1 : len(r.from)-1]
}
