package value

// DecimalOfInteger is the DECIMAL that holds every value of an integer type.
func DecimalOfInteger(t Type) Type {
	precision := map[Kind]int{TinyInt: 3, SmallInt: 5, Int: 10, BigInt: 19}[t.Kind]
	return DecimalOf(precision, 0).WithNullability(t.NotNull)
}

// exact is t as a DECIMAL; t is an integer type or DECIMAL.
func exact(t Type) Type {
	if t.IsInteger() {
		return DecimalOfInteger(t)
	}
	return t
}

// LeastRestrictive is the type that values of all the types can take on
// without a cast being written: for branches of CASE and COALESCE, columns of a
// UNION, elements of an ARRAY, sides of a comparison. It is nullable when one
// of them is. It is not ok when there is no such type. As in Flink:
//
//   - integers widen; DECIMAL keeps all digits before the point, and as many
//     after it as 38 allow; DECIMAL with FLOAT or DOUBLE is DOUBLE; of FLOAT
//     and DOUBLE the first one wins;
//   - texts of one length are CHAR when all are, else VARCHAR of the longest;
//   - timestamps take the highest precision; TIMESTAMP wins over TIMESTAMP_LTZ
//     and both over DATE;
//   - collections and rows go by their parts; NULL gives way to everything.
func LeastRestrictive(types ...Type) (Type, bool) {
	if len(types) == 0 {
		return Type{}, false
	}
	result := types[0]
	for _, t := range types[1:] {
		var ok bool
		if result, ok = common(result, t); !ok {
			return Type{}, false
		}
	}
	return result, true
}

func common(a, b Type) (Type, bool) {
	required := a.NotNull && b.NotNull
	switch {
	case a.Kind == Null:
		return b.Optional(), true
	case b.Kind == Null:
		return a.Optional(), true
	case a.IsNumeric() && b.IsNumeric():
		return commonNumeric(a, b).WithNullability(required), true
	case a.IsText() && b.IsText():
		return commonLength(a, b, Char, Varchar).WithNullability(required), true
	case a.IsBytes() && b.IsBytes():
		return commonLength(a, b, Binary, Varbinary).WithNullability(required), true
	case a.IsTimestamp() && b.IsTimestamp():
		t := Type{Kind: Timestamp, Precision: max(a.Precision, b.Precision), NotNull: required}
		if a.Kind == b.Kind {
			t.Kind = a.Kind
		}
		return t, true
	case a.Kind == Date && b.IsTimestamp():
		return b.WithNullability(required), true
	case a.IsTimestamp() && b.Kind == Date:
		return a.WithNullability(required), true
	case a.Kind != b.Kind:
		return Type{}, false
	}
	switch a.Kind {
	case Boolean, Date, Variant:
		return a.WithNullability(required), true
	case Time:
		a.Precision = max(a.Precision, b.Precision)
		return a.WithNullability(required), true
	case IntervalYearMonth, IntervalDayTime:
		if a.Unit != b.Unit {
			a.Unit = NoUnit
		}
		a.Precision, a.Scale = max(a.Precision, b.Precision), max(a.Scale, b.Scale)
		return a.WithNullability(required), true
	case Array:
		elem, ok := common(*a.Elem, *b.Elem)
		return ArrayOf(elem).WithNullability(required), ok
	case Map:
		key, okKey := common(*a.Key, *b.Key)
		elem, okElem := common(*a.Elem, *b.Elem)
		return MapOf(key, elem).WithNullability(required), okKey && okElem
	case Row:
		return commonRow(a, b, required)
	}
	return Type{}, false
}

func commonRow(a, b Type, required bool) (Type, bool) {
	if len(a.Fields) != len(b.Fields) {
		return Type{}, false
	}
	fields := make([]Field, len(a.Fields))
	for i := range fields {
		t, ok := common(a.Fields[i].Type, b.Fields[i].Type)
		if !ok {
			return Type{}, false
		}
		fields[i] = Field{Name: a.Fields[i].Name, Type: t}
	}
	return RowOf(fields...).WithNullability(required), true
}

func commonNumeric(a, b Type) Type {
	switch {
	case a.IsApproximate() && b.IsApproximate():
		return a
	case a.Kind == Decimal && b.IsApproximate(), a.IsApproximate() && b.Kind == Decimal:
		return DoubleType
	case a.IsApproximate():
		return a
	case b.IsApproximate():
		return b
	case a.IsInteger() && b.IsInteger():
		return Type{Kind: max(a.Kind, b.Kind)}
	}
	x, y := exact(a), exact(b)
	whole := max(x.Precision-x.Scale, y.Precision-y.Scale)
	scale := min(max(x.Scale, y.Scale), MaxDecimalPrecision-whole)
	return DecimalOf(whole+scale, scale)
}

func commonLength(a, b Type, fixed, varying Kind) Type {
	if a.Kind == fixed && b.Kind == fixed && a.Precision == b.Precision {
		return a
	}
	return Type{Kind: varying, Precision: max(a.Precision, b.Precision)}
}

// Operator is an arithmetic operator.
type Operator uint8

// The operators that have a result type of their own.
const (
	Plus Operator = iota
	Minus
	Times
	Divide
	Modulo
)

// ArithmeticType is the type of a number operated on with another. It is
// nullable when one of them is; whether an overflow or a division by zero makes
// a NULL is not in the type. It is not ok when one of them is no number.
//
//   - Two integers give the wider one, Modulo the type of the divisor.
//   - FLOAT or DOUBLE with an integer gives FLOAT or DOUBLE, with DECIMAL
//     DOUBLE, and the two with each other the left one.
//   - DECIMAL gives DECIMAL by the rules of DecimalArithmetic; an integer counts
//     as DecimalOfInteger.
func ArithmeticType(op Operator, left, right Type) (Type, bool) {
	if left.Kind == Null {
		left = right.Optional()
	}
	if right.Kind == Null {
		right = left.Optional()
	}
	if !left.IsNumeric() || !right.IsNumeric() {
		return Type{}, false
	}
	required := left.NotNull && right.NotNull
	switch {
	case left.IsInteger() && right.IsInteger() && op == Modulo:
		return right.WithNullability(required), true
	case left.IsInteger() && right.IsInteger(), left.IsApproximate(), right.IsApproximate():
		return commonNumeric(left, right).WithNullability(required), true
	}
	return DecimalArithmetic(op, exact(left), exact(right)).WithNullability(required), true
}

// DecimalArithmetic is the DECIMAL type of a result, from operands
// DECIMAL(p1, s1) and DECIMAL(p2, s2):
//
//	Plus, Minus  scale max(s1, s2), digits before the point max(p1-s1, p2-s2) + 1
//	Times        scale s1 + s2, precision p1 + p2 + 1
//	Divide       scale max(6, s1+p2+1), digits before the point p1 - s1 + s2
//	Modulo       scale max(s1, s2), digits before the point min(p1-s1, p2-s2)
//
// Past 38 digits the scale shrinks to make room for the digits before the
// point, but not below 6 (or what it was, if less).
func DecimalArithmetic(op Operator, left, right Type) Type {
	p1, s1, p2, s2 := left.Precision, left.Scale, right.Precision, right.Scale
	var precision, scale int
	switch op {
	case Plus, Minus:
		scale = max(s1, s2)
		precision = max(p1-s1, p2-s2) + scale + 1
	case Times:
		scale = s1 + s2
		precision = p1 + p2 + 1
	case Divide:
		scale = max(6, s1+p2+1)
		precision = p1 - s1 + s2 + scale
	case Modulo:
		scale = max(s1, s2)
		precision = min(p1-s1, p2-s2) + scale
	}
	if precision > MaxDecimalPrecision {
		whole := precision - scale
		scale = max(MaxDecimalPrecision-whole, min(scale, 6))
		precision = MaxDecimalPrecision
	}
	return DecimalOf(precision, scale)
}
