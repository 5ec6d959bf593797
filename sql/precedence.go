package sql

// Precedence says how tightly an expression holds together: an operand needs
// parentheses when it binds weaker than its place demands.
type Precedence int

// The levels, as in Flink (Calcite). Note that || binds like *, and that IS
// NULL binds weaker than =.
const (
	LowestPrecedence   Precedence = iota
	OrPrecedence                  // OR
	AndPrecedence                 // AND
	NotPrecedence                 // NOT
	IsPrecedence                  // IS [NOT] NULL, TRUE, JSON, …
	ComparePrecedence             // =, <, IS DISTINCT FROM, = ANY, OVERLAPS
	RangePrecedence               // BETWEEN, IN, LIKE, SIMILAR TO
	AddPrecedence                 // +, -
	MultiplyPrecedence            // *, /, %, ||
	ZonePrecedence                // AT TIME ZONE
	SignPrecedence                // unary -, +, FINAL, RUNNING
	HighestPrecedence             // everything with a beginning and an end of its own
)

// Precedence gives the level of an operator.
func (op BinaryOp) Precedence() Precedence {
	switch op {
	case Or:
		return OrPrecedence
	case And:
		return AndPrecedence
	case Add, Subtract:
		return AddPrecedence
	case Multiply, Divide, Modulo, Concat:
		return MultiplyPrecedence
	}
	return ComparePrecedence
}

// Precedence gives the level of a prefix operator.
func (op UnaryOp) Precedence() Precedence {
	if op == Not {
		return NotPrecedence
	}
	return SignPrecedence
}

// PrecedenceOf gives the level of an expression's outermost operator.
func PrecedenceOf(e Expr) Precedence {
	switch e := e.(type) {
	case *Unary:
		return e.Op.Precedence()
	case *Binary:
		return e.Op.Precedence()
	case *Is:
		return IsPrecedence
	case *Between, *In, *Like:
		return RangePrecedence
	case *Quantified:
		return ComparePrecedence
	case *AtTimeZone:
		return ZonePrecedence
	}
	return HighestPrecedence
}
