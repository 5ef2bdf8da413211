def predict(row, weights):
    activation = weights[0]
    for i in range(len(row) - 1):
        activation += weights[i + 1] * row[i]
    return 1.0 if activation >= 0.0 else 0.0

def train_weights(train, l_rate, n_epoch):
    weights = [0.0 for i in range(len(train[0]))]
    for epoch in range(n_epoch):
        sum_error = 0.0
        for row in train:
            prediction = predict(row, weights)
            error = row[-1] - prediction
            sum_error += error ** 2
            weights[0] = weights[0] + l_rate * error
            for i in range(len(row) - 1):
                weights[i + 1] = weights[i + 1] + l_rate * error * row[i]
        print('>epoch=%d, lrate=%.3f, error=%.3f' % (epoch, l_rate, sum_error))
    return weights

dataset = [[2.78, 2.55, 0], [1.47, 2.36, 0], [3.40, 4.40, 0], [1.39, 1.85, 0], [3.06, 3.01, 0],
           [7.63, 2.76, 1], [5.33, 2.09, 1], [6.92, 1.77, 1], [8.68, -0.24, 1], [7.67, 3.51, 1]]
print(train_weights(dataset, 0.1, 5))
