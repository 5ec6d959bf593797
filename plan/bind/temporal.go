package bind

import (
	"fmt"
	"slices"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// asOfJoin binds left JOIN t FOR SYSTEM_TIME AS OF time: each row of the left
// with the row of t that was there at its time. A processing time means to look
// the table up when the row is there.
func (b *binder) asOfJoin(j *sql.Join, ref *sql.TableRef, left rows, outer *scope) rows {
	node, name := b.tableByName(ref)
	node, r := b.named(node, name, ref.Path, ref.Alias)
	if left.node == nil || node == nil {
		return rows{}
	}
	right := rows{node: node, relations: []relation{r}}
	if j.Kind != sql.InnerJoin && j.Kind != sql.LeftJoin {
		b.wrong(ref.Pos(), problem.InvalidQuery, "write JOIN, or LEFT JOIN to keep rows without a version", "%s cannot be FOR SYSTEM_TIME AS OF", joinWords(j))
		return rows{}
	}
	if !b.distinctNames(j, left, right) {
		return rows{}
	}
	time := b.asOfTime(ref, left, outer)
	on, ok := b.joinCondition(j, left, right, outer)
	if time == nil || !ok {
		return rows{}
	}
	var joined plan.Node
	kind := joinKinds[j.Kind]
	if left.node.Schema()[time.Index].Time == plan.Proctime {
		joined = b.lookupJoin(kind, ref, left, right, on)
	} else {
		joined = b.temporalJoin(kind, ref, left, right, time, on)
	}
	if joined == nil {
		return rows{}
	}
	return b.joined(j, kind, left, right, joined, on)
}

func joinWords(j *sql.Join) string {
	if j.Kind == sql.CommaJoin {
		return "a join by comma"
	}
	return string(j.Kind)
}

// asOfTime is the column of the left whose time counts; nil after a problem.
func (b *binder) asOfTime(ref *sql.TableRef, left rows, outer *scope) *plan.Column {
	e := b.expr(ref.SystemTime, &scope{outer: outer, level: &level{}, relations: left.relations, clause: "FOR SYSTEM_TIME AS OF"})
	if e == nil {
		return nil
	}
	const hint = "write the time attribute of the left: FOR SYSTEM_TIME AS OF o.rowtime"
	c, ok := e.(*plan.Column)
	switch {
	case !ok:
		b.wrong(ref.SystemTime.Pos(), problem.InvalidQuery, hint, "FOR SYSTEM_TIME AS OF needs a column")
		return nil
	case !c.Of.IsTimestamp():
		b.wrong(ref.SystemTime.Pos(), problem.TypeMismatch, hint, "FOR SYSTEM_TIME AS OF needs a time, but %s is %s", c.Name, c.Of.Optional())
		return nil
	case b.session.Streaming && left.node.Schema()[c.Index].Time == plan.NoTime:
		b.wrong(ref.SystemTime.Pos(), problem.InvalidQuery, fmt.Sprintf("add WATERMARK FOR %s to its table; a regular join makes plain columns of times", c.Name),
			"FOR SYSTEM_TIME AS OF needs a time with a watermark, but %s is a plain %s", c.Name, c.Of.Optional())
		return nil
	}
	return c
}

// temporalJoin makes the join with the versions of the right; nil after a
// problem was reported.
func (b *binder) temporalJoin(kind plan.JoinKind, ref *sql.TableRef, left, right rows, time *plan.Column, on joinOn) plan.Node {
	v, table := versionsOf(right.node), ref.Path.String()
	s := right.node.Schema()
	switch {
	case len(v.key) == 0:
		b.wrong(ref.Path.Pos(), problem.InvalidQuery,
			"add PRIMARY KEY (…) NOT ENFORCED to it, or read the last version of each key: ROW_NUMBER() OVER (PARTITION BY key ORDER BY rowtime DESC) = 1",
			"%s has no versions: nothing says which of its rows replace each other", table)
		return nil
	case v.time < 0:
		b.wrong(ref.Path.Pos(), problem.InvalidQuery, "add WATERMARK FOR its time", "%s has no versions: no time says from when on its rows are valid", table)
		return nil
	case s[v.time].Type.Kind != time.Of.Kind:
		b.wrong(ref.SystemTime.Pos(), problem.TypeMismatch, "make both of them TIMESTAMP_LTZ(3), or both TIMESTAMP(3)",
			"%s is %s, but the versions of %s are by %s", time.Name, time.Of.Optional(), table, s[v.time].Type.Optional())
		return nil
	}
	node := right.node
	if !b.session.Streaming {
		node = allVersions(node)
	}
	k := newKeyed(left.node, node)
	isKey := make([]bool, len(on.conditions))
	for _, column := range v.key {
		i := slices.IndexFunc(on.conditions, func(c plan.Expr) bool {
			_, r, nullSafe, ok := k.equality(c)
			of, isColumn := throughCast(r).(*plan.Column)
			return ok && !nullSafe && isColumn && of.Index == column
		})
		if i < 0 || !k.key(on.conditions[i]) {
			b.wrong(ref.Path.Pos(), problem.InvalidQuery, fmt.Sprintf("add ON … = %s.%s", right.relations[0].name, s[column].Name),
				"ON does not say which %s is meant: its versions are by %s", s[column].Name, listed(namesOf(s, v.key)))
			return nil
		}
		isKey[i] = true
	}
	for i, c := range on.conditions {
		if !isKey[i] {
			k.rest = append(k.rest, c)
		}
	}
	t := &plan.TemporalJoin{
		Kind: kind, Left: k.left.extended(), Right: k.right.extended(), Keys: k.keys,
		LeftTime: time.Index, RightTime: v.time, Condition: k.condition(),
	}
	return k.restored(t, true)
}

// throughCast is what a widening cast was made of: it keeps unequal values
// apart.
func throughCast(e plan.Expr) plan.Expr {
	if c, ok := e.(*plan.Cast); ok && c.Input.Type().IsInteger() && c.To.IsInteger() && c.To.Kind >= c.Input.Type().Kind {
		return c.Input
	}
	return e
}

// versions says how the rows of a plan are versions of each other: by which key,
// and from which time on each is valid (-1 for none).
type versions struct {
	key  []int
	time int
}

// versionsOf finds the versions in a table with a primary key and a watermark,
// and in a view that keeps the last row of each key by time.
func versionsOf(n plan.Node) versions {
	switch n := n.(type) {
	case *plan.Scan:
		v := versions{time: -1}
		for _, c := range n.Table.PrimaryKey {
			v.key = append(v.key, slices.Index(n.Columns, c))
		}
		if w := n.Table.Watermark; w != nil {
			v.time = slices.Index(n.Columns, w.Column)
		}
		return v
	case *plan.Watermark:
		v := versionsOf(n.Input)
		v.time = n.Column
		return v
	case *plan.Filter:
		return versionsOf(n.Input)
	case *plan.Normalize:
		v := versionsOf(n.Input)
		v.key = slices.Clone(n.Keys)
		return v
	case *plan.Rank:
		if n.Function == plan.RowNumber && n.From <= 1 && n.To == 1 {
			return lastBy(n.Input.Schema(), n.Partition, n.Order)
		}
	case *plan.Project:
		return versionsOf(n.Input).projected(n)
	}
	return versions{time: -1}
}

// projected moves versions to the columns of a projection. The watermark of a
// table may be for a column that the projection over its scan computes.
func (v versions) projected(n *plan.Project) versions {
	at := func(column int) int {
		return slices.IndexFunc(n.Exprs, func(e plan.Expr) bool {
			c, ok := e.(*plan.Column)
			return ok && c.Index == column
		})
	}
	to := versions{time: -1}
	for _, c := range v.key {
		i := at(c)
		if i < 0 {
			return versions{time: -1}
		}
		to.key = append(to.key, i)
	}
	if s, ok := n.Input.(*plan.Scan); ok && s.Table.Watermark != nil && len(n.Exprs) == len(s.Table.Columns) {
		to.time = s.Table.Watermark.Column
	} else if v.time >= 0 {
		to.time = at(v.time)
	}
	return to
}

// lastBy is versions by partition when the order is by one time, the latest
// first.
func lastBy(input plan.Schema, partition []int, order []plan.SortKey) versions {
	if len(order) != 1 || !order[0].Descending {
		return versions{time: -1}
	}
	c, ok := order[0].Expr.(*plan.Column)
	if !ok || !input[c.Index].Type.IsTimestamp() {
		return versions{time: -1}
	}
	return versions{key: slices.Clone(partition), time: c.Index}
}

// allVersions is a view of last rows without what leaves the others out: a batch
// sees all rows at once, and needs every version of them.
func allVersions(n plan.Node) plan.Node {
	switch n := n.(type) {
	case *plan.Project, *plan.Filter:
		return plan.WithInputs(n, []plan.Node{allVersions(n.Inputs()[0])})
	case *plan.Rank:
		if !n.Number {
			return n.Input
		}
		p := plan.PickAll(n.Input)
		p.Add(&plan.Literal{Value: value.OfBigInt(1)}, n.Name, plan.NoTime)
		p.Times = timesOf(n)
		return p
	}
	return n
}
