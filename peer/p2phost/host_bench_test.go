package p2phost

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"starmesh/common/load"
)

// BenchmarkStart is what a node costs before it does anything: the time until
// it listens, and what it holds then.
func BenchmarkStart(b *testing.B) {
	for name, change := range map[string]func(*Config){
		"loopback": func(*Config) {},
		"metrics":  func(c *Config) { c.Metrics = prometheus.NewRegistry() },
		"world": func(c *Config) {
			c.Listen = []string{"/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"}
		},
		"private": func(c *Config) { c.Key = testKey("key") },
	} {
		b.Run(name, func(b *testing.B) {
			goroutines := runtime.NumGoroutine()
			for b.Loop() {
				cfg := Config{Sockets: new(load.Sockets), Meter: new(load.Meter)}
				change(&cfg)
				h, err := New(cfg)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
				h.Close()
				b.StartTimer()
			}
		})
	}
}

// BenchmarkConnection is what a connection costs both of its ends together.
func BenchmarkConnection(b *testing.B) {
	for how, name := range map[int]string{overTCP: "tcp", overQUIC: "quic"} {
		b.Run(name, func(b *testing.B) {
			hub, ends := startHost(b, nil), make([]testHost, 0, 64)
			for range cap(ends) {
				ends = append(ends, startHost(b, nil))
			}
			before, goroutines := resident(b), runtime.NumGoroutine()
			n := 0
			for b.Loop() {
				if n == len(ends) {
					b.Skip("enough") // b.N is what it is: see -benchtime 60x
				}
				meet(b, hub, ends[n], how)
				n++
			}
			b.ReportMetric(float64(resident(b)-before)/float64(n)/1e3, "kB/conn")
			b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/float64(n), "goroutines/conn")
		})
	}
}

// resident returns this process's memory in bytes, garbage left out.
func resident(b *testing.B) int64 {
	time.Sleep(200 * time.Millisecond) // identify is still talking
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("no /proc here")
	}
	pages := int64(0)
	for i, spaces := 0, 0; i < len(text); i++ {
		if text[i] == ' ' {
			spaces++
		} else if spaces == 1 {
			pages = 10*pages + int64(text[i]-'0')
		}
	}
	return pages * int64(os.Getpagesize())
}

// BenchmarkThroughput is what one connection carries between two hosts of one
// process.
func BenchmarkThroughput(b *testing.B) {
	for how, name := range map[int]string{overTCP: "tcp", overQUIC: "quic"} {
		b.Run(name, func(b *testing.B) {
			const n = 64 << 20
			x, y := startHost(b, nil), startHost(b, nil)
			meet(b, x, y, how)
			b.SetBytes(n)
			for b.Loop() {
				flow(b, x, y, n)
			}
		})
	}
}
