package account

func beginSaga(b *batch, m BeginSaga) (Done, error) {
	other, busy, err := b.SagaOf(m.Saga.DID)
	switch {
	case err != nil:
		return Done{}, err
	case busy && other.ID != m.Instead:
		return Done{}, ErrUnderWay
	case busy:
		if err := b.DeleteSaga(other.ID); err != nil {
			return Done{}, err
		}
	}
	return Done{}, b.InsertSaga(stamped(m.Saga, b))
}

func saveSaga(b *batch, m SaveSaga) (Done, error) {
	found, err := b.UpdateSaga(stamped(m.Saga, b))
	if err != nil || !found {
		return Done{}, either(err, ErrNoSaga)
	}
	return Done{}, nil
}

func endSaga(b *batch, m EndSaga) (Done, error) { return Done{}, b.DeleteSaga(m.ID) }

func stamped(s Saga, b *batch) Saga {
	s.UpdatedAt = b.now
	return s
}
