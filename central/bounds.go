package central

import (
	"cmp"
	"time"
)

// Bounds limit what strangers can make a server hold; zero fields become the
// defaults named beside them.
type Bounds struct {
	Conns        int           // 12,000 connections in all
	ConnsPerAddr int           // 1,024 from one address other than loopback
	Watches      int           // 8 on one connection
	Idle         time.Duration // 5 min without a request: closed
	Handshake    time.Duration // 10 s from accept to a user who may come in
	Stall        time.Duration // 60 s without progress inside a message: closed
	Grace        time.Duration // 10 s to finish answers when the server stops
	Upload       int64         // bytes of one uploaded file; 0: any size that fits the disk
}

func (b Bounds) withDefaults() Bounds {
	return Bounds{
		Conns: cmp.Or(b.Conns, 12_000), ConnsPerAddr: cmp.Or(b.ConnsPerAddr, 1024), Watches: cmp.Or(b.Watches, 8),
		Idle: cmp.Or(b.Idle, 5*time.Minute), Handshake: cmp.Or(b.Handshake, 10*time.Second),
		Stall: cmp.Or(b.Stall, time.Minute), Grace: cmp.Or(b.Grace, 10*time.Second), Upload: b.Upload,
	}
}
