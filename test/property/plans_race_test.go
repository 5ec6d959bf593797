//go:build race

package property

// Under the race detector a plan takes many times as long.
const plansDefault = 500
