//go:build tools

// Package nginxlog pins prometheus-nginxlog-exporter where no image of it is to be had:
//
//	go build -mod=mod -o prometheus-nginxlog-exporter github.com/martin-helmich/prometheus-nginxlog-exporter
package nginxlog

import _ "github.com/martin-helmich/prometheus-nginxlog-exporter"
