package sketch

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// users is a sketch of n values, the first of them number from.
func users(from, n int) *Sketch {
	s := new(Sketch)
	for i := range n {
		s.Add(HashBytes(fmt.Appendf(nil, "user-%d", from+i)))
	}
	return s
}

// TestNearTheTruth goes over all forms that a sketch has in memory.
func TestNearTheTruth(t *testing.T) {
	for _, n := range []int{0, 1, 3, 4, 10, 100, 384, 385, 1000, 5000, 20_000, 200_000, 2_000_000} {
		got := users(0, n).Estimate()
		// Four standard errors; below some hundred values hardly two share a register.
		if allowed := 4 * 1.04 / math.Sqrt(Registers) * float64(n); math.Abs(float64(got)-float64(n)) > allowed {
			t.Errorf("%d values are estimated as %d", n, got)
		}
	}
}

// TestSeldomFarOff counts many sets of one size: the spread of the estimates is
// what the package promises.
func TestSeldomFarOff(t *testing.T) {
	const sets = 200
	for _, n := range []int{500, 3000, 12_000, 60_000} {
		var sum, squares float64
		for set := range sets {
			s := new(Sketch)
			for i := range n {
				s.Add(HashInteger(int64(set*n + i)))
			}
			off := float64(s.Estimate())/float64(n) - 1
			sum += off
			squares += off * off
		}
		if bias, spread := sum/sets, math.Sqrt(squares/sets); math.Abs(bias) > 0.006 || spread > 0.02 {
			t.Errorf("sets of %d values are off by %.4f in the mean, with a spread of %.4f", n, bias, spread)
		}
	}
}

func TestOrderAndMergesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var hashes []uint64
		for range rapid.SampledFrom([]int{0, 1, 5, 300, 600, 3000}).Draw(t, "values") {
			hashes = append(hashes, HashInteger(int64(len(hashes))))
		}
		hashes = append(hashes, rapid.SliceOfN(rapid.Uint64(), 0, 50).Draw(t, "hashes")...)
		whole, parts := new(Sketch), make([]Sketch, rapid.IntRange(1, 5).Draw(t, "parts"))
		for _, h := range hashes {
			whole.Add(h)
			parts[h%uint64(len(parts))].Add(h)
			parts[h/7%uint64(len(parts))].Add(h)
		}
		merged, stored := new(Sketch), new(Sketch)
		for i := range parts {
			merged.Merge(&parts[i])
		}
		slices.Reverse(parts)
		for i := range parts {
			rest, err := stored.Take(append(parts[i].Append(nil), 7))
			if err != nil || !bytes.Equal(rest, []byte{7}) {
				t.Fatalf("a stored sketch comes back with %v behind it, %v", rest, err)
			}
		}
		want := whole.Append(nil)
		for _, s := range []*Sketch{merged, stored} {
			if got := s.Append(nil); !bytes.Equal(got, want) || s.Estimate() != whole.Estimate() {
				t.Fatalf("parts merge into %d values, all are %d, bytes equal %v", s.Estimate(), whole.Estimate(), bytes.Equal(got, want))
			}
		}
		if whole.TakeWhole(append(want, 0)) == nil || whole.TakeWhole(want) != nil {
			t.Fatal("a whole sketch is one with nothing behind it")
		}
		var each Sketch
		merged.Each(each.Raise)
		if !bytes.Equal(each.Append(nil), want) {
			t.Fatal("the registers one by one are not all")
		}
		for register := range uint16(Registers) {
			if merged.Run(register) != whole.Run(register) {
				t.Fatalf("register %d has the run %d, and merged %d", register, whole.Run(register), merged.Run(register))
			}
		}
	})
}

// TestHashes pins what sketches that are stored rest on. The C code of store/olap
// is held to the same values.
func TestHashes(t *testing.T) {
	for _, c := range []struct {
		of   string
		got  uint64
		want string
	}{
		{"0", HashInteger(0), "f882315217641bc6"},
		{"-1", HashInteger(-1), "2d16c656a8713c98"},
		{"1.5", HashFloat(1.5), "c17483c467aaa928"},
		{"NaN", HashFloat(math.NaN()), "b8d20d92a0687130"},
		{"another NaN", HashFloat(math.Float64frombits(0xfff8000000000001)), "b8d20d92a0687130"},
		{"1 of 128 bits", HashWide(0, 1), "d65ba75836c68585"},
		{"no bytes", HashBytes(nil), "9ca066f1a4ab2eea"},
		{"a", HashBytes([]byte("a")), "2e49a6dd9fc6417a"},
		{"eight", HashBytes([]byte("12345678")), "62278bdabed91d5f"},
		{"nine", HashBytes([]byte("123456789")), "a233adb6ee5f0305"},
	} {
		if got := fmt.Sprintf("%016x", c.got); got != c.want {
			t.Errorf("%s hashes to %s, not %s", c.of, got, c.want)
		}
	}
	text := []byte("0123456789abcdefghijklmnopqrstuvwxyz")
	for n := range text {
		if got, want := HashBytes(text[:n]), hashOfWords(text[:n]); got != want {
			t.Errorf("%q hashes to %016x, not %016x", text[:n], got, want)
		}
	}
	if HashBytes([]byte("12345678")) != HashInteger(0x3837363534333231) {
		t.Error("an integer is not hashed as its bytes are")
	}
	if HashBytes([]byte("a")) == HashBytes([]byte("a\x00")) || HashBytes(nil) == HashBytes([]byte{0}) {
		t.Error("texts that end with a zero byte are those without")
	}
}

// hashOfWords is HashBytes as docs/formats/sketch.md has it.
func hashOfWords(b []byte) uint64 {
	h := seed(len(b))
	for padded := append(slices.Clone(b), make([]byte, 8)...); ; padded = padded[8:] {
		h = mix(h ^ binary.LittleEndian.Uint64(padded))
		if len(padded) <= 16 {
			return h
		}
	}
}

func TestPlaces(t *testing.T) {
	type place struct {
		Register uint16
		Run      uint8
	}
	got := map[string]place{}
	for _, hash := range []uint64{0, math.MaxUint64, 1, 1 << 51, 5<<52 | 1<<50} {
		register, run := Place(hash)
		got[fmt.Sprintf("%x", hash)] = place{register, run}
	}
	want := map[string]place{
		"0": {0, 53}, "ffffffffffffffff": {4095, 1}, "1": {0, 52}, "8000000000000": {0, 1}, "54000000000000": {5, 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestStoredForm pins the bytes.
func TestStoredForm(t *testing.T) {
	few := new(Sketch)
	few.Raise(4095, 53)
	few.Raise(0, 1)
	few.Raise(300, 7)
	few.Raise(300, 2)
	if got := hex.EncodeToString(few.Append(nil)); got != "020003"+"0101"+"ac0207"+"d31d35" {
		t.Errorf("three registers are stored as %s", got)
	}
	if got := hex.EncodeToString(new(Sketch).Append(nil)); got != "020000" {
		t.Errorf("no value is stored as %s", got)
	}
	most := new(Sketch)
	for register := range uint16(sparseMax) {
		most.Raise(register, 1)
	}
	if got := most.Append(nil); len(got) != 4+2*sparseMax {
		t.Errorf("%d registers take %d bytes", sparseMax, len(got))
	}
	most.Raise(sparseMax, 3)
	got := most.Append(nil)
	if want := append([]byte{2, 1}, bytes.Repeat([]byte{1}, sparseMax)...); len(got) != 2+Registers || !bytes.HasPrefix(got, append(want, 3, 0)) {
		t.Errorf("%d registers are stored in %d bytes", sparseMax+1, len(got))
	}
}

// TestRefused has what Append never writes, although its registers could be read.
func TestRefused(t *testing.T) {
	dense := users(0, 5000).Append(nil)
	thin := make([]byte, 2+Registers)
	thin[0], thin[1] = version, denseForm
	long := slices.Clone(dense)
	long[9] = LongestRun + 1
	for name, stored := range map[string][]byte{
		"nothing":                       {},
		"only a version":                {2},
		"version 1":                     {1, 0, 0},
		"no form 2":                     {2, 2, 0},
		"no count":                      {2, 0},
		"fewer than the count":          {2, 0, 2, 1, 1},
		"no run":                        {2, 0, 1, 1},
		"the run 0":                     {2, 0, 1, 1, 0},
		"the run 54":                    {2, 0, 1, 1, 54},
		"the same register again":       {2, 0, 2, 1, 1, 0, 1},
		"a register behind the last":    {2, 0, 1, 0x81, 0x20, 1},
		"a count in more bytes":         {2, 0, 0x81, 0, 1, 1},
		"a step in more bytes":          {2, 0, 1, 0x81, 0, 1},
		"a count of more than there be": {2, 0, 0x81, 8},
		"half of the registers":         dense[:2000],
		"few registers as if many":      thin,
		"a run of 54 among many":        long,
	} {
		s := users(0, 3)
		before := s.Append(nil)
		if _, err := s.Take(stored); err == nil || s.TakeWhole(stored) == nil {
			t.Errorf("%s is taken", name)
		}
		if !bytes.Equal(before, s.Append(nil)) {
			t.Errorf("%s changes the sketch", name)
		}
	}
}

// FuzzTake: what is taken is written again as it was.
func FuzzTake(f *testing.F) {
	for _, n := range []int{0, 1, 5, 400, 1500, 5000} {
		f.Add(users(0, n).Append(nil))
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		s := new(Sketch)
		rest, err := s.Take(stored)
		if err != nil {
			return
		}
		if got := append(s.Append(nil), rest...); !bytes.Equal(got, stored) {
			t.Fatalf("%x comes back as %x", stored, got)
		}
		s.Estimate()
	})
}

func BenchmarkAdd(b *testing.B) {
	for _, values := range []int{100, 1000, 1_000_000} {
		b.Run(fmt.Sprint(values), func(b *testing.B) {
			s := new(Sketch)
			for i := range b.N {
				s.Add(HashInteger(int64(i % values)))
			}
			if got, want := s.Estimate(), min(b.N, values); math.Abs(float64(got)/float64(want)-1) > 0.1 {
				b.Errorf("%d values are estimated as %d", want, got)
			}
		})
	}
}

func BenchmarkHashBytes(b *testing.B) {
	for _, text := range []string{"user-1234", "8c7f4d9e-1f7b-4c0e-9d55-0a6b1f0c2f11"} {
		b.Run(fmt.Sprint(len(text)), func(b *testing.B) {
			bytes := []byte(text)
			var all uint64
			for b.Loop() {
				all ^= HashBytes(bytes)
			}
			if all != 0 && all != HashBytes(bytes) {
				b.Error("equal texts hash differently")
			}
		})
	}
}

func BenchmarkTake(b *testing.B) {
	for _, values := range []int{100, 1000, 100_000} {
		b.Run(fmt.Sprint(values), func(b *testing.B) {
			stored := users(0, values).Append(nil)
			s := new(Sketch)
			for b.Loop() {
				if _, err := s.Take(stored); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
