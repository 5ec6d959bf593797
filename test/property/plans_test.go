//go:build !race

package property

const plansDefault = 10_000
