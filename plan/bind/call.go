package bind

import (
	"fmt"
	"slices"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
	"tidemark/sql"
)

// call binds a function call of any kind.
func (b *binder) call(c *sql.Call, s *scope) plan.Expr {
	name := c.Function()
	if len(c.Name) > 1 && c.Name[0].Text != "default_catalog" && c.Name[0].Text != "default_database" {
		b.wrong(c.Pos(), problem.UnknownFunction, "write the name alone", "no function %s", c.Name)
		return nil
	}
	if c.Over != nil {
		return b.callOver(c, s)
	}
	if s.match != nil {
		if e, mine := b.matchCall(c, s); mine {
			return e
		}
	}
	if defined, ok := b.catalog.Function(name); ok {
		return b.inlined(c, defined, s)
	}
	if _, _, ok := isAuxiliary(name); ok {
		return b.windowProperty(c, s)
	}
	switch name {
	case "GROUPING", "GROUPING_ID":
		return b.groupingID(c, s)
	case "TUMBLE", "HOP", "CUMULATE", "SESSION":
		b.wrong(c.Pos(), problem.InvalidQuery, "write FROM TABLE("+usages[name]+")", "the window %s is not allowed in %s", name, s.clause)
		return nil
	}
	f, ok := function.Lookup(name)
	if !ok {
		b.exprs(s, c.Args...)
		b.wrong(c.Pos(), problem.UnknownFunction, didYouMean(name, function.Names(), "SHOW FUNCTIONS lists them all"), "no function %s", name)
		return nil
	}
	b.bound.Calls[c] = f
	if f.Category == function.WindowCategory {
		b.wrong(c.Pos(), problem.InvalidQuery, "write "+f.Name+"(…) OVER (PARTITION BY … ORDER BY …)", "%s needs OVER", f.Name)
		return nil
	}
	if !b.plainCall(c, f) {
		return nil
	}
	if f.Aggregate {
		return b.aggregateCall(c, f, s)
	}
	args := b.arguments(c, s)
	if args == nil {
		return nil
	}
	if conditional, ok := conditionals[f.Name]; ok {
		return conditional(b, c.Pos(), f, args)
	}
	return b.applyCall(c, f, args)
}

// plainCall reports the clauses of a call that are not built, or do not belong
// to the function.
func (b *binder) plainCall(c *sql.Call, f *plan.Function) bool {
	name := f.Name
	switch {
	case len(c.OrderBy) > 0 || len(c.WithinGroup) > 0:
		b.unsupported(c.Pos(), "ORDER BY inside "+name, "values come in the order in which they arrive")
	case c.Nulls != sql.DefaultNulls:
		b.unsupported(c.Pos(), string(c.Nulls), "aggregates leave NULL out by themselves; COALESCE the argument to keep it")
	case !f.Aggregate && c.Distinct:
		b.wrong(c.Pos(), problem.InvalidQuery, "remove DISTINCT", "%s is no aggregate function, so that DISTINCT means nothing", name)
	case !f.Aggregate && c.Filter != nil:
		b.wrong(c.Filter.Pos(), problem.InvalidQuery, "use CASE WHEN … THEN … END", "%s is no aggregate function, so that FILTER means nothing", name)
	default:
		return true
	}
	return false
}

// arguments binds the arguments of a call; nil when one is wrong. The clauses
// of JSON functions follow as constants.
func (b *binder) arguments(c *sql.Call, s *scope) []plan.Expr {
	args := b.exprs(s, c.Args...)
	if args == nil {
		return nil
	}
	return b.jsonArguments(c, args, s)
}

// aggregateCall binds a call of an aggregate function: a column that the
// grouping will compute.
func (b *binder) aggregateCall(c *sql.Call, f *plan.Function, s *scope) plan.Expr {
	g := s.grouping
	if g == nil {
		hint := "aggregate in a subquery, and use its result here"
		if s.clause == "WHERE" {
			hint = "put the condition into HAVING"
		}
		b.wrong(c.Pos(), problem.InvalidQuery, hint, "the aggregate function %s is not allowed in %s", f.Name, s.clause)
		return nil
	}
	inside := s.in("an argument of " + f.Name)
	inside.aliases = nil
	call := plan.AggregateCall{Function: f, Distinct: c.Distinct}
	ok := true
	if c.Filter != nil {
		call.Filter = b.condition(c.Filter, s.in("FILTER"), "FILTER")
		ok = call.Filter != nil
	}
	if !countsRows(c, f) {
		call.Args = b.arguments(c, inside)
		ok = ok && (call.Args != nil || len(c.Args) == 0)
	}
	if !ok || !b.settled(c.Pos(), &call, g.global || call.Filter != nil) {
		return nil
	}
	return g.call(call, c.Pos())
}

// settled gives an aggregate call its types. Where there may be no row at all,
// the result is that of nullable arguments. It is false after a problem was
// reported.
func (b *binder) settled(pos problem.Position, call *plan.AggregateCall, maybeNone bool) bool {
	given := arguments(call.Args)
	for i := range given {
		if maybeNone {
			given[i].Type = given[i].Type.Optional()
		}
	}
	overload, err := call.Function.Resolve(given)
	if err != nil {
		b.report(pos, err)
		return false
	}
	for i := range call.Args {
		call.Args[i] = b.implicit(call.Args[i], overload.Params[i])
	}
	call.Overload = overload
	return true
}

// countsRows reports whether a call is COUNT(*).
func countsRows(c *sql.Call, f *plan.Function) bool {
	if f.Name != "COUNT" || len(c.Args) != 1 {
		return false
	}
	_, star := c.Args[0].(*sql.Star)
	return star
}

// conditionals are functions that must not compute the arguments they do not
// return: they become a Case. The function table gives their types.
var conditionals = map[string]func(b *binder, pos problem.Position, f *plan.Function, args []plan.Expr) plan.Expr{
	"IF": func(b *binder, pos problem.Position, f *plan.Function, args []plan.Expr) plan.Expr {
		o := b.overload(pos, f, args)
		if o == nil {
			return nil
		}
		return b.branches(pos, []plan.Expr{implicit(args[0], o.Params[0])}, args[1:], o.Result)
	},
	"COALESCE": firstPresent,
	"IFNULL":   firstPresent,
}

// firstPresent is COALESCE: the first argument that is not NULL. When what
// stands behind it is at hand anyway, it stays a call.
func firstPresent(b *binder, pos problem.Position, f *plan.Function, args []plan.Expr) plan.Expr {
	atHand := true
	for _, arg := range args[min(1, len(args)):] {
		switch arg.(type) {
		case *plan.Column, *plan.Literal:
		default:
			atHand = false
		}
	}
	if atHand {
		return b.apply(pos, f, args)
	}
	o := b.overload(pos, f, args)
	if o == nil {
		return nil
	}
	var conditions []plan.Expr
	for _, arg := range args[:len(args)-1] {
		present := b.operator(pos, "IS NOT NULL", []plan.Expr{arg})
		if present == nil {
			return nil
		}
		conditions = append(conditions, present)
	}
	return b.branches(pos, conditions, args, o.Result)
}

// inlined replaces a call of a user function by its body, or by a call of its
// module.
func (b *binder) inlined(c *sql.Call, f *Function, s *scope) plan.Expr {
	switch {
	case len(c.Args) != len(f.Parameters):
		b.wrong(c.Pos(), problem.UnknownFunction, "it is "+f.Signature(), "%s takes %s, not %d", f.Name, counted(len(f.Parameters), "argument"), len(c.Args))
		return nil
	case slices.Contains(b.inline, f.Name):
		b.wrong(c.Pos(), problem.InvalidQuery, "let it end without calling itself", "function %s calls itself", f.Name)
		return nil
	}
	args := b.exprs(s, c.Args...)
	if args == nil {
		return nil
	}
	b.bound.Inlined[c] = f
	parameters := map[string]plan.Expr{}
	for i, p := range f.Parameters {
		if !assignable(args[i].Type(), p.Type) {
			b.wrong(c.Args[i].Pos(), problem.TypeMismatch, "CAST it", "%s of %s is %s, but this is %s", p.Name, f.Name, p.Type.Optional(), args[i].Type().Optional())
			return nil
		}
		parameters[p.Name] = b.implicit(args[i], p.Type)
	}
	if f.Compiled != nil {
		for i, p := range f.Parameters {
			args[i] = parameters[p.Name]
		}
		call := b.applyCall(c, f.Compiled, args)
		if call == nil {
			return nil
		}
		return b.implicit(call, f.Returns)
	}
	b.inline = append(b.inline, f.Name)
	defer func() { b.inline = b.inline[:len(b.inline)-1] }()
	saved := b.found
	b.found = nil
	body := b.expr(f.Body, &scope{clause: "the body of " + f.Name, level: s.level, aliases: parameters})
	wrong := b.found
	b.found = saved
	for _, p := range wrong {
		b.wrong(c.Pos(), p.Code, p.Hint, "function %s cannot be used: %s", f.Name, p.Message)
	}
	if body == nil {
		return nil
	}
	return b.implicit(body, f.Returns)
}

// Parameter is a parameter of a Function.
type Parameter struct {
	Name string
	Type value.Type
}

// Function is a function made by CREATE FUNCTION. Calls of one that is an
// expression are replaced by its body, so that it runs wherever its parts do.
type Function struct {
	Name       string // in upper case
	Parameters []Parameter
	Returns    value.Type
	Body       sql.Expr       // nil for a function of a module
	Compiled   *plan.Function // of a module
	Definition string         // the statement that made it, in canonical print
}

// Signature prints name, parameters and result, for people.
func (f *Function) Signature() string {
	text := f.Name + "("
	for i, p := range f.Parameters {
		if i > 0 {
			text += ", "
		}
		text += p.Name + " " + p.Type.String()
	}
	return fmt.Sprintf("%s) → %s", text, f.Returns)
}
