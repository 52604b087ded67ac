import { describeKilledSwitchovers } from '../../support/killed-switchovers.ts';

describeKilledSwitchovers('when clients have gone on', [9, 10, 11]);
