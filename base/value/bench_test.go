package value

import "testing"

func BenchmarkParseTimestamp(b *testing.B) {
	text := []byte("2024-03-01 10:20:30.123")
	for b.Loop() {
		if at, err := ParseTimestamp(text, SQLForm); err != nil || at.Nanos != 123_000_000 {
			b.Fatal(at, err)
		}
	}
}

func BenchmarkAppendTimestamp(b *testing.B) {
	at, err := ParseTimestamp("2024-03-01 10:20:30.123", SQLForm)
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	for b.Loop() {
		dst = AppendTimestamp(dst[:0], at, 3)
	}
	if string(dst) != "2024-03-01 10:20:30.123" {
		b.Fatal(string(dst))
	}
}

func BenchmarkMulDecimal(b *testing.B) {
	x, y, to := Int128Of(123_456_789), Int128Of(-987_654), DecimalOf(20, 2)
	for b.Loop() {
		if _, ok := MulDecimal(x, 4, y, 3, to); !ok {
			b.Fatal("overflow")
		}
	}
}

func BenchmarkDivDecimal(b *testing.B) {
	x, y, to := Int128Of(123_456_789), Int128Of(987_654), DecimalOf(38, 10)
	for b.Loop() {
		if _, ok := DivDecimal(x, 4, y, 3, to); !ok {
			b.Fatal("overflow")
		}
	}
}
