from numpy import exp, array, random, dot, zeros, outer
random.seed(1)
training_inputs = array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]])
training_outputs = array([[0, 1, 1, 0]]).T
synaptic_weights = 2 * random.random((3, 1)) - 1
for iteration in range(100):
    output = 1 / (1 + exp(-(dot(training_inputs, synaptic_weights))))
    synaptic_weights += dot(training_inputs.T, (training_outputs - output) * output * (1 - output))
print(1 / (1 + exp(-(dot(array([1, 0, 0]), synaptic_weights)))))
