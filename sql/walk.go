package sql

import "fmt"

// Inspect visits n and everything below it, each node before its children and
// children in the order of the text. Where visit answers false, the node's
// children are left out. A nil node is not visited.
func Inspect(n Node, visit func(Node) bool) {
	if isNil(n) || !visit(n) {
		return
	}
	Children(n, func(child Node) { Inspect(child, visit) })
}

// Children calls each with every child of n that is there, in the order of the
// text. Names, hints' arguments and types have no children.
func Children(n Node, each func(Node)) {
	c := children{each: each}
	switch n := n.(type) {
	case Statement:
		c.statement(n)
	case QueryBody:
		c.body(n)
	case Relation:
		c.relation(n)
	case Expr:
		c.expr(n)
	case TableElement:
		c.element(n)
	case AlterAction:
		c.action(n)
	case Pattern:
		c.pattern(n)
	default:
		c.part(n)
	}
}

// children passes on what is not nil.
type children struct{ each func(Node) }

func (c children) add(n Node) {
	if !isNil(n) {
		c.each(n)
	}
}

func addAll[N Node](c children, nodes []N) {
	for _, n := range nodes {
		c.add(n)
	}
}

func (c children) statement(s Statement) {
	switch s := s.(type) {
	case *Set, *Reset, *Use, *Describe, *CreateDatabase, *CreateCatalog, *Drop:
	case *QueryStatement:
		c.add(s.Query)
	case *Insert:
		addAll(c, s.Hints)
		addAll(c, s.Partition)
		c.add(s.Query)
	case *StatementSet:
		addAll(c, s.Inserts)
	case *Show:
		addAll(c, s.Partition)
	case *Update:
		addAll(c, s.Assignments)
		c.add(s.Where)
	case *Delete:
		c.add(s.Where)
	case *Explain:
		c.add(s.Statement)
	case *CreateTable:
		addAll(c, s.Elements)
		addAll(c, s.With)
		c.add(s.As)
	case *CreateView:
		c.add(s.Query)
	case *CreateMaterializedTable:
		addAll(c, s.Elements)
		addAll(c, s.With)
		c.add(s.Freshness)
		c.add(s.Query)
	case *AlterMaterializedTable:
		addAll(c, s.Partition)
		addAll(c, s.With)
		c.add(s.Query)
	case *AlterTable:
		c.add(s.Action)
	case *CreateFunction:
		addAll(c, s.Parameters)
		c.add(s.Returns)
		c.add(s.Body)
		addAll(c, s.With)
	default:
		panic(fmt.Sprintf("sql: statement %T is not walked", s))
	}
}

func (c children) body(b QueryBody) {
	switch b := b.(type) {
	case *Select:
		addAll(c, b.Hints)
		addAll(c, b.Items)
		c.add(b.From)
		c.add(b.Where)
		c.add(b.GroupBy)
		c.add(b.Having)
		addAll(c, b.Windows)
		c.add(b.Qualify)
	case *SetOperation:
		c.add(b.Left)
		c.add(b.Right)
	case *Values:
		for _, row := range b.Rows {
			addAll(c, row)
		}
	case *TableBody:
	case *Nested:
		c.add(b.Query)
	default:
		panic(fmt.Sprintf("sql: query body %T is not walked", b))
	}
}

func (c children) relation(r Relation) {
	switch r := r.(type) {
	case *TableRef:
		addAll(c, r.Hints)
		c.add(r.SystemTime)
	case *Derived:
		c.add(r.Query)
	case *TableFunction:
		c.add(r.Call)
		addAll(c, r.Hints)
	case *Unnest:
		addAll(c, r.Exprs)
	case *Join:
		c.add(r.Left)
		c.add(r.Right)
		c.add(r.On)
	case *Aliased:
		c.add(r.Relation)
	case *MatchRecognize:
		c.add(r.Input)
		addAll(c, r.PartitionBy)
		addAll(c, r.OrderBy)
		addAll(c, r.Measures)
		c.add(r.Pattern)
		c.add(r.Within)
		addAll(c, r.Subsets)
		addAll(c, r.Define)
	default:
		panic(fmt.Sprintf("sql: relation %T is not walked", r))
	}
}

func (c children) expr(e Expr) {
	switch e := e.(type) {
	case *ColumnRef, *Star, *Literal, *Interval, *Param, *Symbol, *Descriptor:
	case *Unary:
		c.add(e.Operand)
	case *Binary:
		c.add(e.Left)
		c.add(e.Right)
	case *Is:
		c.add(e.Operand)
	case *Between:
		c.add(e.Operand)
		c.add(e.Low)
		c.add(e.High)
	case *In:
		c.add(e.Operand)
		addAll(c, e.List)
		c.add(e.Query)
	case *Like:
		c.add(e.Operand)
		c.add(e.Pattern)
		c.add(e.Escape)
	case *Exists:
		c.add(e.Query)
	case *Subquery:
		c.add(e.Query)
	case *Quantified:
		c.add(e.Left)
		c.add(e.Query)
		addAll(c, e.List)
	case *Case:
		c.add(e.Operand)
		addAll(c, e.Whens)
		c.add(e.Else)
	case *Alternatives:
		addAll(c, e.Values)
	case *Cast:
		c.add(e.Operand)
		c.add(e.Type)
	case *ArrayValue:
		addAll(c, e.Elements)
	case *MapValue:
		addAll(c, e.Entries)
	case *RowValue:
		addAll(c, e.Fields)
	case *Index:
		c.add(e.Base)
		c.add(e.Index)
	case *FieldAccess:
		c.add(e.Base)
	case *AtTimeZone:
		c.add(e.Operand)
		c.add(e.Zone)
	case *Call:
		addAll(c, e.Args)
		addAll(c, e.OrderBy)
		c.add(e.JSON)
		addAll(c, e.WithinGroup)
		c.add(e.Filter)
		c.add(e.Over)
	case *NamedArgument:
		c.add(e.Value)
	case *TableArgument:
		c.add(e.Query)
		addAll(c, e.PartitionBy)
		addAll(c, e.OrderBy)
	default:
		panic(fmt.Sprintf("sql: expression %T is not walked", e))
	}
}

func (c children) element(e TableElement) {
	switch e := e.(type) {
	case *PhysicalColumn:
		c.add(e.Type)
	case *ComputedColumn:
		c.add(e.Expr)
	case *MetadataColumn:
		c.add(e.Type)
	case *PrimaryKey:
	case *WatermarkElement:
		c.add(e.Expr)
	default:
		panic(fmt.Sprintf("sql: table element %T is not walked", e))
	}
}

func (c children) action(a AlterAction) {
	switch a := a.(type) {
	case *RenameTable, *RenameColumn, *ResetOptions, *DropElements:
	case *SetOptions:
		addAll(c, a.Options)
	case *ChangeElements:
		for _, placed := range a.Elements {
			c.add(placed.Element)
		}
	case *ChangePartition:
		for _, partition := range a.Partitions {
			addAll(c, partition)
		}
	case *RedefineView:
		c.add(a.Query)
	default:
		panic(fmt.Sprintf("sql: action %T is not walked", a))
	}
}

func (c children) pattern(p Pattern) {
	switch p := p.(type) {
	case *PatternVariable, *PatternAnchor, *PatternEmpty:
	case *PatternConcat:
		addAll(c, p.Parts)
	case *PatternAlternation:
		addAll(c, p.Alternatives)
	case *PatternQuantified:
		c.add(p.Pattern)
	case *PatternPermute:
		addAll(c, p.Parts)
	case *PatternExclusion:
		c.add(p.Pattern)
	default:
		panic(fmt.Sprintf("sql: pattern %T is not walked", p))
	}
}

// part covers the nodes that belong to no sealed interface.
func (c children) part(n Node) {
	switch n := n.(type) {
	case *Query:
		addAll(c, n.With)
		c.add(n.Body)
		addAll(c, n.OrderBy)
		c.add(n.Limit)
		c.add(n.Offset)
	case *CTE:
		c.add(n.Query)
	case *SelectItem:
		c.add(n.Expr)
	case *GroupBy:
		addAll(c, n.Elements)
	case *GroupElement:
		addAll(c, n.Exprs)
		addAll(c, n.Elements)
	case *NamedWindow:
		c.add(n.Spec)
	case *WindowSpec:
		addAll(c, n.PartitionBy)
		addAll(c, n.OrderBy)
		c.add(n.Frame)
	case *Frame:
		c.add(n.Start.Offset)
		if n.Stop != nil {
			c.add(n.Stop.Offset)
		}
	case *OrderItem:
		c.add(n.Expr)
	case *When:
		c.add(n.Condition)
		c.add(n.Result)
	case *Measure:
		c.add(n.Expr)
	case *PatternDefinition:
		c.add(n.Condition)
	case *JSONClauses:
		c.add(n.Returning)
		c.add(n.OnEmpty)
		c.add(n.OnError)
	case *JSONBehavior:
		c.add(n.Default)
	case *PartitionValue:
		c.add(n.Value)
	case *Assignment:
		c.add(n.Value)
	case *Parameter:
		c.add(n.Type)
	case *Hint:
		addAll(c, n.Options)
	}
}

// isNil sees through a nil pointer inside an interface.
func isNil(n Node) bool {
	switch n := n.(type) {
	case nil:
		return true
	case *Query:
		return n == nil
	case *TypeName:
		return n == nil
	case *GroupBy:
		return n == nil
	case *WindowSpec:
		return n == nil
	case *Frame:
		return n == nil
	case *JSONClauses:
		return n == nil
	case *JSONBehavior:
		return n == nil
	case *Interval:
		return n == nil
	}
	return false
}
