package bind

import (
	"slices"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
	"tidemark/sql"
)

// expr binds an expression; nil after a problem was reported.
func (b *binder) expr(e sql.Expr, s *scope) plan.Expr {
	bound := b.bindExpr(e, s)
	if bound == nil {
		return nil
	}
	if b.size(bound) > expressionMax {
		b.wrong(e.Pos(), problem.TooLarge, "compute a part of it in a subquery", "this expression has more than %d parts", expressionMax)
		return nil
	}
	b.bound.Types[e] = bound.Type()
	return bound
}

// size counts the parts of an expression. Some forms of SQL use an operand
// several times (CASE x WHEN …, COALESCE, functions of users), so that nesting
// them makes expressions that are far larger than their text.
func (b *binder) size(e plan.Expr) int {
	if n, known := b.sizes[e]; known {
		return n
	}
	n := 1
	for _, part := range plan.Parts(e) {
		n = min(n+b.size(part), expressionMax+1)
	}
	b.sizes[e] = n
	return n
}

func (b *binder) bindExpr(e sql.Expr, s *scope) plan.Expr {
	switch e := e.(type) {
	case *sql.ColumnRef:
		return b.columnRef(e, s)
	case *sql.Literal:
		return b.literal(e)
	case *sql.Interval:
		return b.interval(e)
	case *sql.Unary:
		return b.unary(e, s)
	case *sql.Binary:
		return b.binary(e, s)
	case *sql.Is:
		name := "IS "
		if e.Not {
			name += "NOT "
		}
		return b.operator(e.Pos(), name+string(e.Test), b.exprs(s, e.Operand))
	case *sql.Between:
		return b.between(e, s)
	case *sql.In:
		return b.in(e, s)
	case *sql.Like:
		return b.like(e, s)
	case *sql.Case:
		return b.caseOf(e, s)
	case *sql.Cast:
		return b.cast(e, s)
	case *sql.ArrayValue:
		return b.operator(e.Pos(), "ARRAY", b.exprs(s, e.Elements...))
	case *sql.MapValue:
		return b.operator(e.Pos(), "MAP", b.exprs(s, e.Entries...))
	case *sql.RowValue:
		return b.operator(e.Pos(), "ROW", b.exprs(s, e.Fields...))
	case *sql.Index:
		return b.operator(e.Pos(), "ITEM", b.exprs(s, e.Base, e.Index))
	case *sql.FieldAccess:
		base := b.expr(e.Base, s)
		if base == nil {
			return nil
		}
		return b.field(base, e.Field)
	case *sql.Call:
		return b.call(e, s)
	case *sql.Symbol:
		return &plan.Literal{At: plan.At{Position: e.Pos()}, Value: symbol(e.Text)}
	case *sql.Exists:
		return b.exists(e, s)
	case *sql.Subquery:
		return b.scalar(e, s)
	case *sql.Quantified:
		return b.quantified(e, s)
	case *sql.AtTimeZone:
		b.unsupported(e.Pos(), "AT TIME ZONE", "use CONVERT_TZ, or SET 'table.local-time-zone'")
	case *sql.Param:
		b.wrong(e.Pos(), problem.InvalidQuery, "write the value itself", "parameter ? has no value here")
	case *sql.Star:
		b.wrong(e.Pos(), problem.InvalidQuery, "it stands alone in SELECT, and in COUNT(*)", "* is not allowed here")
	case *sql.NamedArgument:
		b.wrong(e.Pos(), problem.InvalidQuery, "write the value alone, at its place", "only window functions take arguments by name")
	case *sql.TableArgument, *sql.Descriptor:
		b.wrong(e.Pos(), problem.InvalidQuery, "write FROM TABLE("+usages["TUMBLE"]+")", "a table is an argument of window functions in FROM only")
	}
	return nil
}

// symbol is a keyword argument as functions see it: a text.
func symbol(text string) value.Value {
	return value.Value{Type: value.CharOf(len(text)).Required(), Text: text}
}

// exprs binds several expressions; nil when one of them is wrong.
func (b *binder) exprs(s *scope, list ...sql.Expr) []plan.Expr {
	bound := make([]plan.Expr, len(list))
	ok := true
	for i, e := range list {
		bound[i] = b.expr(e, s)
		ok = ok && bound[i] != nil
	}
	if !ok {
		return nil
	}
	return bound
}

// operator calls a row of the function table by name; nil args were wrong.
func (b *binder) operator(pos problem.Position, name string, args []plan.Expr) plan.Expr {
	if args == nil {
		return nil
	}
	f, ok := function.Lookup(name)
	if !ok {
		b.unsupported(pos, name, "")
		return nil
	}
	return b.apply(pos, f, args)
}

// apply makes the call of a scalar function, casts and all, and folds it.
func (b *binder) apply(pos problem.Position, f *plan.Function, args []plan.Expr) plan.Expr {
	call := b.called(pos, f, args)
	if call == nil {
		return nil
	}
	return Fold(b.context, b.simplify(call))
}

// applyCall is apply for a call in the text, which printers are told of.
func (b *binder) applyCall(c *sql.Call, f *plan.Function, args []plan.Expr) plan.Expr {
	call := b.called(c.Pos(), f, args)
	if call == nil {
		return nil
	}
	b.bound.Applied[c] = call
	return Fold(b.context, b.simplify(call))
}

// called makes the call of a scalar function with its casts.
func (b *binder) called(pos problem.Position, f *plan.Function, args []plan.Expr) *plan.Call {
	overload := b.overload(pos, f, args)
	if overload == nil {
		return nil
	}
	for i := range args {
		args[i] = b.implicit(args[i], overload.Params[i])
	}
	return &plan.Call{At: plan.At{Position: pos}, Function: f, Overload: overload, Args: args}
}

// overload settles the types of a call.
func (b *binder) overload(pos problem.Position, f *plan.Function, args []plan.Expr) *plan.Overload {
	overload, err := f.Resolve(arguments(args))
	if err != nil {
		b.report(pos, err)
		return nil
	}
	return overload
}

// argument is what a function may know of an argument.
func argument(e plan.Expr) plan.Argument {
	a := plan.Argument{Type: e.Type(), At: e.Pos()}
	if l, ok := e.(*plan.Literal); ok {
		a.Literal = &l.Value
	}
	return a
}

func arguments(args []plan.Expr) []plan.Argument {
	all := make([]plan.Argument, len(args))
	for i, e := range args {
		all[i] = argument(e)
	}
	return all
}

// implicit casts e to a type, unless it is of it apart from nullability.
func implicit(e plan.Expr, to value.Type) plan.Expr {
	if sameValues(e.Type(), to) {
		return e
	}
	if plan.IsNullLiteral(e) {
		return &plan.Literal{At: plan.At{Position: e.Pos()}, Value: value.NullOf(to)}
	}
	return &plan.Cast{At: plan.At{Position: e.Pos()}, Input: e, To: to.WithNullability(e.Type().NotNull)}
}

// implicit is the function implicit, with constants cast at once.
func (b *binder) implicit(e plan.Expr, to value.Type) plan.Expr {
	return Fold(b.context, implicit(e, to))
}

// sameValues reports whether two types differ in nullability at most, at any
// depth.
func sameValues(a, b value.Type) bool { return everywhereOptional(a).Equal(everywhereOptional(b)) }

func everywhereOptional(t value.Type) value.Type {
	t.NotNull = false
	if t.Elem != nil {
		elem := everywhereOptional(*t.Elem)
		t.Elem = &elem
	}
	if t.Key != nil {
		key := everywhereOptional(*t.Key)
		t.Key = &key
	}
	if t.Fields != nil {
		fields := make([]value.Field, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = value.Field{Name: f.Name, Type: everywhereOptional(f.Type)}
		}
		t.Fields = fields
	}
	return t
}

func (b *binder) unary(e *sql.Unary, s *scope) plan.Expr {
	switch e.Op {
	case sql.Final, sql.Running:
		if s.match != nil {
			return b.matchUnary(e, s)
		}
		b.wrong(e.Pos(), problem.InvalidQuery, "it belongs into MEASURES of MATCH_RECOGNIZE", "%s is not allowed here", e.Op)
		return nil
	case sql.Minus:
		if l, ok := e.Operand.(*sql.Literal); ok && l.Kind == sql.IntegerLiteral {
			if v, err := literalValue(l, true); err == nil {
				b.bound.Types[l] = v.Type
				return b.operator(e.Pos(), "-", []plan.Expr{&plan.Literal{At: plan.At{Position: e.Pos()}, Value: v}})
			}
		}
	case sql.Not, sql.Plus:
	}
	return b.operator(e.Pos(), string(e.Op), b.exprs(s, e.Operand))
}

func (b *binder) binary(e *sql.Binary, s *scope) plan.Expr {
	if e.Op == sql.And || e.Op == sql.Or {
		return b.operator(e.Pos(), string(e.Op), b.exprs(s, chain(e, e.Op, nil)...))
	}
	left, leftRow := e.Left.(*sql.RowValue)
	right, rightRow := e.Right.(*sql.RowValue)
	switch {
	case isPeriod(e.Op) && leftRow && rightRow:
		return b.operator(e.Pos(), string(e.Op), b.exprs(s, append(slices.Clone(left.Fields), right.Fields...)...))
	case e.Op == sql.Equal && leftRow && rightRow && len(left.Fields) == len(right.Fields):
		return b.equalRows(e.Pos(), left, right, s)
	}
	return b.operator(e.Pos(), string(e.Op), b.exprs(s, e.Left, e.Right))
}

// isPeriod reports the operators between periods, (start, end) or (start,
// length): they take four arguments.
func isPeriod(op sql.BinaryOp) bool {
	switch op {
	case sql.Overlaps, sql.Contains, sql.PeriodEquals, sql.Precedes, sql.Succeeds, sql.ImmediatelyPrecedes, sql.ImmediatelySucceeds:
		return true
	}
	return false
}

// equalRows compares two rows that are written out field by field: unlike the
// comparison of ROW values it is NULL when a field is, as in Flink.
func (b *binder) equalRows(pos problem.Position, left, right *sql.RowValue, s *scope) plan.Expr {
	var equal []plan.Expr
	for i := range left.Fields {
		is := b.operator(pos, "=", b.exprs(s, left.Fields[i], right.Fields[i]))
		if is == nil {
			return nil
		}
		equal = append(equal, is)
	}
	if len(equal) == 1 {
		return equal[0]
	}
	return b.operator(pos, "AND", equal)
}

// chain takes a AND b AND c apart into its operands.
func chain(e sql.Expr, op sql.BinaryOp, operands []sql.Expr) []sql.Expr {
	if binary, ok := e.(*sql.Binary); ok && binary.Op == op {
		return chain(binary.Right, op, chain(binary.Left, op, operands))
	}
	return append(operands, e)
}

// between is x >= low AND x <= high; SYMMETRIC takes the bounds in any order.
func (b *binder) between(e *sql.Between, s *scope) plan.Expr {
	parts := b.exprs(s, e.Operand, e.Low, e.High)
	if parts == nil {
		return nil
	}
	pos := e.Pos()
	x, low, high := parts[0], parts[1], parts[2]
	pair := func(connective, first string, low plan.Expr, second string, high plan.Expr) plan.Expr {
		from := b.operator(pos, first, []plan.Expr{x, low})
		to := b.operator(pos, second, []plan.Expr{x, high})
		if from == nil || to == nil {
			return nil
		}
		return b.operator(pos, connective, []plan.Expr{from, to})
	}
	inside := func(low, high plan.Expr) plan.Expr {
		if e.Not {
			return pair("OR", "<", low, ">", high)
		}
		return pair("AND", ">=", low, "<=", high)
	}
	one := inside(low, high)
	if !e.Symmetric || one == nil {
		return one
	}
	other := inside(high, low)
	if other == nil {
		return nil
	}
	if e.Not {
		return b.operator(pos, "AND", []plan.Expr{one, other})
	}
	return b.operator(pos, "OR", []plan.Expr{one, other})
}

func (b *binder) in(e *sql.In, s *scope) plan.Expr {
	if e.Query != nil {
		return b.inQuery(e, s)
	}
	if rows := rowsOf(e); rows != nil {
		return b.negated(e.Pos(), e.Not, b.inRows(e, rows, s))
	}
	is := b.operator(e.Pos(), "IN", b.exprs(s, append([]sql.Expr{e.Operand}, e.List...)...))
	return b.negated(e.Pos(), e.Not, is)
}

// rowsOf is the list of IN when it and the operand are rows that are written
// out, all of one length.
func rowsOf(e *sql.In) []*sql.RowValue {
	operand, ok := e.Operand.(*sql.RowValue)
	if !ok {
		return nil
	}
	var rows []*sql.RowValue
	for _, member := range e.List {
		row, ok := member.(*sql.RowValue)
		if !ok || len(row.Fields) != len(operand.Fields) {
			return nil
		}
		rows = append(rows, row)
	}
	return rows
}

func (b *binder) inRows(e *sql.In, rows []*sql.RowValue, s *scope) plan.Expr {
	var each []plan.Expr
	for _, row := range rows {
		is := b.equalRows(row.Pos(), e.Operand.(*sql.RowValue), row, s)
		if is == nil {
			return nil
		}
		each = append(each, is)
	}
	if len(each) == 1 {
		return each[0]
	}
	return b.operator(e.Pos(), "OR", each)
}

// negated is NOT e when not is set.
func (b *binder) negated(pos problem.Position, not bool, e plan.Expr) plan.Expr {
	if !not || e == nil {
		return e
	}
	return b.operator(pos, "NOT", []plan.Expr{e})
}

func (b *binder) like(e *sql.Like, s *scope) plan.Expr {
	name, operands := "LIKE", []sql.Expr{e.Operand, e.Pattern}
	if e.Similar {
		name = "SIMILAR TO"
	}
	if e.Escape != nil {
		operands = append(operands, e.Escape)
	}
	return b.negated(e.Pos(), e.Not, b.operator(e.Pos(), name, b.exprs(s, operands...)))
}

// caseOf binds both forms of CASE.
func (b *binder) caseOf(e *sql.Case, s *scope) plan.Expr {
	ok := true
	var operand plan.Expr
	if e.Operand != nil {
		operand = b.expr(e.Operand, s)
		ok = operand != nil
	}
	var conditions, results []plan.Expr
	for _, w := range e.Whens {
		var condition plan.Expr
		if e.Operand == nil {
			condition = b.condition(w.Condition, s, "WHEN")
		} else {
			condition = b.equalToAny(operand, w.Condition, s)
		}
		result := b.expr(w.Result, s)
		ok = ok && condition != nil && result != nil
		conditions, results = append(conditions, condition), append(results, result)
	}
	if e.Else != nil {
		last := b.expr(e.Else, s)
		ok = ok && last != nil
		results = append(results, last)
	} else {
		results = append(results, &plan.Literal{At: plan.At{Position: e.Pos()}, Value: value.NullOf(value.NullType)})
	}
	if !ok {
		return nil
	}
	types := make([]value.Type, len(results))
	for i, r := range results {
		types[i] = r.Type()
	}
	common, fits := value.LeastRestrictive(types...)
	if !fits {
		b.branchesDiffer(results)
		return nil
	}
	return b.branches(e.Pos(), conditions, results, common)
}

// equalToAny is operand = a OR operand = b … for WHEN a, b of a CASE with an
// operand.
func (b *binder) equalToAny(operand plan.Expr, when sql.Expr, s *scope) plan.Expr {
	values := []sql.Expr{when}
	if several, ok := when.(*sql.Alternatives); ok {
		values = several.Values
	}
	var equal []plan.Expr
	for _, e := range values {
		with := b.expr(e, s)
		if with == nil || operand == nil {
			return nil
		}
		is := b.operator(e.Pos(), "=", []plan.Expr{operand, with})
		if is == nil {
			return nil
		}
		equal = append(equal, is)
	}
	if len(equal) == 1 {
		return equal[0]
	}
	return b.operator(when.Pos(), "OR", equal)
}

func (b *binder) branchesDiffer(results []plan.Expr) {
	for _, r := range results[1:] {
		if _, fits := value.LeastRestrictive(results[0].Type(), r.Type()); !fits {
			b.wrong(r.Pos(), problem.TypeMismatch, "CAST one of them", "this branch of CASE is %s, but the first one is %s", r.Type().Optional(), results[0].Type().Optional())
			return
		}
	}
}

// branches makes a Case of the type; the last result is that of ELSE.
func (b *binder) branches(pos problem.Position, conditions, results []plan.Expr, of value.Type) plan.Expr {
	c := &plan.Case{At: plan.At{Position: pos}, Of: of}
	for i, condition := range conditions {
		c.Whens = append(c.Whens, plan.When{Condition: condition, Then: b.implicit(results[i], of)})
	}
	c.Else = b.implicit(results[len(results)-1], of)
	return Fold(b.context, c)
}

// cast binds CAST and TRY_CAST.
func (b *binder) cast(e *sql.Cast, s *scope) plan.Expr {
	operand := b.expr(e.Operand, s)
	if operand == nil {
		return nil
	}
	from, to := operand.Type(), e.Type.Type
	if !value.CanCast(from, to) {
		b.wrong(e.Pos(), problem.TypeMismatch, castHint(from, to), "%s cannot be cast to %s", from.Optional(), to.Optional())
		return nil
	}
	to = to.WithNullability(from.NotNull && !e.Try)
	if plan.IsNullLiteral(operand) {
		return &plan.Literal{At: plan.At{Position: e.Pos()}, Value: value.NullOf(to)}
	}
	return Fold(b.context, &plan.Cast{At: plan.At{Position: e.Pos()}, Input: operand, To: to, Try: e.Try})
}

func castHint(from, to value.Type) string {
	switch {
	case from.IsNumeric() && to.IsTimestamp():
		return "use TO_TIMESTAMP_LTZ(number, 3) for milliseconds since 1970, or 0 for seconds"
	case from.IsTimestamp() && to.IsNumeric():
		return "use UNIX_TIMESTAMP, or EXTRACT a part of it"
	}
	return "cast it to STRING first, or use a function that makes one of the other"
}
