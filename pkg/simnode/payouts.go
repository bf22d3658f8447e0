package simnode

import (
	"math"
	"time"
)

// Prices in cents per decimal TB, and per TB-month of 720 hours.
const (
	priceEgress  = 200
	priceRepair  = 200
	priceAudit   = 200
	priceStorage = 149
	hoursAMonth  = 720
	bytesATB     = 1e12
)

// payDay is when in a month the satellites pay for the month before.
const payDay = 9*day + 12*time.Hour

// paystub is what a satellite has paid for a month; money in micro-USD.
type paystub struct {
	month                                      int
	created                                    int64
	usage                                      dayUsage
	compAtRest, compGet, compRepair, compAudit int64
	held, owed, disposed, paid                 int64
}

func (p *paystub) earned() int64 { return p.compAtRest + p.compGet + p.compRepair + p.compAudit }

// heldRate is the percentage held back, by the months since joining.
func heldRate(joined time.Time, month int) int64 {
	switch months := month - monthOf(joined); {
	case months < 0:
		return 0
	case months < 3:
		return 75
	case months < 6:
		return 50
	case months < 9:
		return 25
	default:
		return 0
	}
}

// returnMonth is the month of age in which half of the held amount comes back.
const returnMonth = 15

// makePaystub settles a month.
func (s *satellite) makePaystub(month int, created int64) {
	u := s.usage(month, s.touched)
	sum := u.sum()
	micro := func(bytes float64, cents int64) int64 {
		return int64(math.Round(bytes / bytesATB * float64(cents) * 1e4))
	}
	p := paystub{
		month: month, created: created, usage: sum,
		compAtRest: micro(sum.byteHours/hoursAMonth, priceStorage),
		compGet:    micro(float64(sum.egress), priceEgress),
		compRepair: micro(float64(sum.egressRepair), priceRepair),
		compAudit:  micro(float64(sum.egressAudit), priceAudit),
	}
	joined := time.Unix(0, s.joined).UTC()
	p.held = p.earned() * heldRate(joined, month) / 100
	if month-monthOf(joined) == returnMonth {
		held := int64(0)
		for i := range s.paystubs {
			held += s.paystubs[i].held
		}
		p.disposed = held / 2
	}
	p.owed = p.earned() - p.held
	p.paid = p.owed + p.disposed
	s.paystubs = append(s.paystubs, p)
}

// payMonthBefore lets the satellites pay, and plans the next pay day.
func (n *Node) payMonthBefore(at int64) {
	month := monthOf(time.Unix(0, at).UTC())
	for _, s := range n.satellites {
		if s.rep.disqualifiedAt != 0 && s.rep.disqualifiedAt < monthStart(month-1).UnixNano() {
			continue // disqualified before that month: nothing to pay
		}
		if monthOf(time.Unix(0, s.joined).UTC()) >= month {
			continue
		}
		s.touch(at)
		s.makePaystub(month-1, at)
	}
	n.plan(event{at: monthStart(month + 1).Add(payDay).UnixNano(), kind: evPayouts})
}

// moneyMonth is one month of the estimated payout; money in cents.
type moneyMonth struct {
	EgressBandwidth         int64   `json:"egressBandwidth"`
	EgressBandwidthPayout   float64 `json:"egressBandwidthPayout"`
	EgressRepairAudit       int64   `json:"egressRepairAudit"`
	EgressRepairAuditPayout float64 `json:"egressRepairAuditPayout"`
	DiskSpace               float64 `json:"diskSpace"`
	DiskSpacePayout         float64 `json:"diskSpacePayout"`
	HeldRate                float64 `json:"heldRate"`
	Payout                  float64 `json:"payout"`
	Held                    float64 `json:"held"`
}

// add sums all but the held rate, as the node does.
func (m *moneyMonth) add(o moneyMonth) {
	m.EgressBandwidth += o.EgressBandwidth
	m.EgressBandwidthPayout += o.EgressBandwidthPayout
	m.EgressRepairAudit += o.EgressRepairAudit
	m.EgressRepairAuditPayout += o.EgressRepairAuditPayout
	m.DiskSpace += o.DiskSpace
	m.DiskSpacePayout += o.DiskSpacePayout
	m.Payout += o.Payout
	m.Held += o.Held
}

func cents(value float64) float64 { return math.Round(value*100) / 100 }

// estimate is the money of a month as the node reckons it.
func (s *satellite) estimate(month int, at int64) moneyMonth {
	u := s.usage(month, at)
	sum := u.sum()
	joined := time.Unix(0, s.joined).UTC()
	m := moneyMonth{
		EgressBandwidth:   sum.egress,
		EgressRepairAudit: sum.egressRepair + sum.egressAudit,
		DiskSpace:         sum.byteHours / hoursAMonth,
	}
	m.HeldRate = float64(heldRate(joined, month))
	m.EgressBandwidthPayout = cents(float64(m.EgressBandwidth) * priceEgress / bytesATB)
	m.EgressRepairAuditPayout = cents(float64(m.EgressRepairAudit) * priceAudit / bytesATB)
	m.DiskSpacePayout = cents(m.DiskSpace * priceStorage / bytesATB)
	earned := m.EgressBandwidthPayout + m.EgressRepairAuditPayout + m.DiskSpacePayout
	m.Held = earned * m.HeldRate / 100
	m.Payout = cents(earned - m.Held)
	return m
}

// expectation is what the current month will bring if it goes on like this.
func (s *satellite) expectation(current moneyMonth, at int64) int64 {
	now := time.Unix(0, at).UTC()
	begin := monthStart(monthOf(now))
	end := monthStart(monthOf(now) + 1)
	if joined := time.Unix(0, s.joined).UTC(); joined.After(begin) {
		begin = joined
	}
	past := now.Sub(begin).Minutes()
	if past <= 0 {
		return 0
	}
	return int64(current.Payout / past * end.Sub(begin).Minutes())
}
