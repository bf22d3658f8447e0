package simnode

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Encoding is how the log is written.
type Encoding string

// The encodings.
const (
	Console    Encoding = "console"     // log.encoding=console, the default
	JSON       Encoding = "json"        // log.encoding=json
	Docker     Encoding = "docker"      // console lines in Docker's json-file wrapping
	DockerJSON Encoding = "docker-json" // JSON lines in Docker's json-file wrapping
)

// Satellite is one satellite that the node works with.
type Satellite struct {
	ID    string  // base58 node id
	URL   string  // host:port
	Share float64 // its share of the traffic and of the audits; relative to the others
}

// KnownSatellites are the four satellites of the public network.
func KnownSatellites() []Satellite {
	return []Satellite{
		{ID: "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S", URL: "us1.storj.io:7777", Share: 0.5},
		{ID: "12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs", URL: "eu1.storj.io:7777", Share: 0.3},
		{ID: "121RTSDpyNZVcEU84Ticf2L1ntiuUimbWgfATz21tuvgk3vzoA6", URL: "ap1.storj.io:7777", Share: 0.15},
		{ID: "1wFTAgs9DP5RSnCqKV1eLf6N9wtk4EAtmN5DpSxcs8EjT69tGE", URL: "saltlake.tardigrade.io:7777", Share: 0.05},
	}
}

// VersionChange is an update of the node's software.
type VersionChange struct {
	At      time.Time
	Version string
}

// Outage is a time for which a satellite cannot be reached by anyone.
type Outage struct {
	Satellite   string // id
	From, Until time.Time
}

// Options decide everything about a simulated node. The zero value of a field
// means its default; only Start must be given.
type Options struct {
	Seed     uint64
	Name     string   // default "node"
	Scenario Scenario // default healthy

	Start     time.Time     // model time at which the simulation (and the node's process) starts
	LogFrom   time.Time     // no line before it is written; default Start
	JoinedAge time.Duration // how long before Start the node joined; 0 = it is new; its history is made up

	TroubleAt       time.Time // when the scenario's trouble begins; default Start + 24 h
	TroubleEnds     time.Time // when it is over; default never
	FaultShare      float64   // share of reads (or of the time) that the trouble spoils; default by scenario
	FaultySatellite string    // id of the satellite that audit troubles hit; default the first

	Version     string          // e.g. "1.162.3", the default; from 1.60.0 on
	Updates     []VersionChange // default: one, to the next patch release, 16 days after Start; empty but not nil: none
	Satellites  []Satellite     // default KnownSatellites
	Outages     []Outage        // default: one of 75 minutes, 20 days after Start; empty but not nil: none
	Encoding    Encoding        // default console
	Level       string          // debug, info (default), warn, error or fatal
	CustomLevel string          // log.custom-level, e.g. "piecestore=FATAL"
	Location    *time.Location  // of the log's times; default UTC

	Rate      float64 // transfers an hour; default 600, negative: none
	AuditRate float64 // audits an hour over all satellites; default 8, negative: none
	Disk      int64   // allocated bytes; default 4 TB, or what the filling-disk scenario needs
	DiskUsed  int64   // bytes stored at Start; default 55 % of Disk for a node that has an age
	Port      int     // the node's public port; default 28967

	AllowedVersion string // the minimum that the network asks for; default a dozen releases ago
	QUICStatus     string // default OK; Misconfigured, Disabled, Refreshing

	APIDelay time.Duration // wall-clock delay of every answer in the slow-api scenario; default 28 s

	// Observe, if not nil, is told of each transfer and each judged audit as it
	// ends, in the order of model time, while AdvanceTo runs. It must not call
	// the node.
	Observe func(Event)
}

// day is used for sums of days.
const day = 24 * time.Hour

func (o Options) withDefaults() (Options, error) {
	var problems []error
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("simnode: "+format, args...))
	}
	if o.Start.IsZero() {
		bad("Options.Start is not given: give the model time at which the node starts")
	}
	o.Start = o.Start.UTC()
	if o.Name == "" {
		o.Name = "node"
	}
	if strings.ContainsAny(o.Name, "/\\: \t\n\"") {
		bad("Options.Name %q has a character that no folder name should have", o.Name)
	}
	scenario, err := ParseScenario(string(o.Scenario))
	if err != nil {
		problems = append(problems, err)
	}
	o.Scenario = scenario
	if o.LogFrom.Before(o.Start) {
		o.LogFrom = o.Start
	}
	if o.JoinedAge < 0 {
		bad("Options.JoinedAge is negative")
	}
	if o.APIDelay < 0 {
		bad("Options.APIDelay is negative")
	}
	for name, value := range map[string]float64{"Rate": o.Rate, "AuditRate": o.AuditRate} {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			bad("Options.%s %v is no number of things in an hour", name, value)
		}
	}
	if o.TroubleAt.IsZero() {
		o.TroubleAt = o.Start.Add(day)
	}
	if o.TroubleEnds.IsZero() {
		o.TroubleEnds = o.Start.AddDate(100, 0, 0)
	}
	if o.TroubleEnds.Before(o.TroubleAt) {
		bad("Options.TroubleEnds is before TroubleAt")
	}
	if o.FaultShare == 0 {
		o.FaultShare = 1
		switch o.Scenario {
		case AuditTimeouts:
			o.FaultShare = 0.85
		case FlakyUplink:
			o.FaultShare = 0.5
		}
	}
	if o.FaultShare < 0 || o.FaultShare > 1 {
		bad("Options.FaultShare %v is not between 0 and 1", o.FaultShare)
	}
	if o.Version == "" {
		o.Version = "1.162.3"
	}
	version, err := parseVersion(o.Version)
	if err != nil {
		problems = append(problems, err)
	}
	if o.Updates == nil && err == nil {
		o.Updates = []VersionChange{{At: o.Start.Add(updateAfter), Version: version.next().String()}}
	}
	for _, u := range o.Updates {
		if _, err := parseVersion(u.Version); err != nil {
			problems = append(problems, err)
		}
	}
	if len(o.Satellites) == 0 {
		o.Satellites = KnownSatellites()
	}
	if len(o.Satellites) > 200 {
		bad("%d satellites are more than the 200 that are simulated", len(o.Satellites))
	}
	if o.AllowedVersion != "" {
		if _, err := parseVersion(o.AllowedVersion); err != nil {
			problems = append(problems, err)
		}
	}
	if o.QUICStatus == "" {
		o.QUICStatus = "OK"
	}
	if o.Outages == nil {
		from := o.Start.Add(20*day + 5*time.Hour)
		o.Outages = []Outage{{
			Satellite: o.Satellites[o.Seed%uint64(len(o.Satellites))].ID,
			From:      from, Until: from.Add(75 * time.Minute),
		}}
	}
	total := 0.0
	satellites := make([]Satellite, len(o.Satellites))
	for i, sat := range o.Satellites {
		if err := checkNodeID(sat.ID); err != nil {
			bad("satellite %q: %v", sat.ID, err)
		}
		if sat.URL == "" {
			bad("satellite %q has no URL (host:port)", sat.ID)
		}
		if sat.Share <= 0 {
			sat.Share = 1
		}
		total += sat.Share
		satellites[i] = sat
	}
	for i := range satellites {
		satellites[i].Share /= total
	}
	o.Satellites = satellites
	switch o.Encoding {
	case "":
		o.Encoding = Console
	case Console, JSON, Docker, DockerJSON:
	default:
		bad("Options.Encoding %q: give console, json, docker or docker-json", o.Encoding)
	}
	if o.Level == "" {
		o.Level = "info"
	}
	if _, ok := parseLevel(o.Level); !ok {
		bad("Options.Level %q: give debug, info, warn, error or fatal", o.Level)
	}
	if o.CustomLevel != "" {
		logger, level, ok := strings.Cut(o.CustomLevel, "=")
		if _, known := parseLevel(level); !ok || logger == "" || !known {
			bad("Options.CustomLevel %q is not of the form piecestore=FATAL", o.CustomLevel)
		}
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	switch {
	case o.Rate == 0:
		o.Rate = 600
	case o.Rate < 0:
		o.Rate = 0
	}
	switch {
	case o.AuditRate == 0:
		o.AuditRate = 8
	case o.AuditRate < 0:
		o.AuditRate = 0
	}
	if o.Disk < 0 || o.DiskUsed < 0 {
		bad("Options.Disk and DiskUsed must not be negative")
	}
	if o.Disk == 0 {
		o.Disk = 4_000_000_000_000
		if o.Scenario == FillingDisk {
			// 60 % full at the start, full when it is to be
			span := o.TroubleAt.Add(fillTime).Sub(o.Start)
			o.Disk = max(int64(growthPerHour(o.Rate, FillingDisk)*span.Hours()/0.4), 1_000_000_000)
			if o.DiskUsed == 0 {
				o.DiskUsed = o.Disk * 6 / 10
			}
		}
	}
	if o.DiskUsed == 0 && o.JoinedAge > 0 {
		o.DiskUsed = o.Disk * 55 / 100
	}
	if o.Port == 0 {
		o.Port = 28967
	}
	if o.APIDelay == 0 {
		o.APIDelay = 28 * time.Second
	}
	return o, errors.Join(problems...)
}
