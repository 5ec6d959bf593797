package sketch

import "math"

// Estimate is how many different values were added: by Ertl's improved
// estimator, which needs no tables and has not the bias that the original has
// between its two ranges.
//
// It is the same on every machine although some compute x*y + z without rounding
// x*y: wherever a product is added to something, it is one by a power of two, and
// such a product is exact.
func (s *Sketch) Estimate() int64 {
	var with [LongestRun + 1]float64 // how many registers have a run
	if s.dense != nil {
		for _, run := range s.dense {
			with[run]++
		}
	} else {
		with[0] = float64(Registers - s.entries)
		for _, entry := range s.sparse {
			if entry != 0 {
				with[uint8(entry)]++
			}
		}
	}
	z := Registers * tau(1-with[LongestRun]/Registers)
	for run := LongestRun - 1; run >= 1; run-- {
		z = 0.5 * (z + with[run])
	}
	z += Registers * sigma(with[0]/Registers)
	return int64(math.Floor(Registers*Registers/(2*math.Ln2)/z + 0.5))
}

// sigma is x + x²·1 + x⁴·2 + x⁸·4 + …, for the registers that are not set.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	sum, power := x, 1.0
	for {
		x *= x
		before := sum
		sum += x * power
		power += power
		if sum == before {
			return sum
		}
	}
}

// tau is (1-x - Σ (1-x^½ᵏ)²·½ᵏ) / 3, for the registers whose run is the longest.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	sum, power := 1-x, 1.0
	for {
		x = math.Sqrt(x)
		before := sum
		power *= 0.5
		square := (1 - x) * (1 - x)
		sum -= square * power
		if sum == before {
			return sum / 3
		}
	}
}
